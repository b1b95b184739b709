import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { QueryPages } from '../../../src/worker/sources/query-pages.ts'
import { ids18 } from '../../helpers/ids.ts'

/** Results of query jobs whose pages do not fit together. */

const [A = '', B = '', C = ''] = ids18(3).map((id) => `"${id}"\n`)
const HEADER = '"Id"\n'

interface Given {
  readonly csv: string
  readonly next: string | null
  /** Absent: the answer has no number of rows. */
  readonly rows?: number
  /** False: the answer names no further page, but does not say that it is the last. */
  readonly isLast?: boolean
}

/** @param pages by the locator that leads to them; '' is the first */
function read(pages: Readonly<Record<string, Given>>, total: number | null): Promise<string> {
  const { signal } = new AbortController()
  const api = {
    page: async (_: string, { locator }: { readonly locator: string | null }) => {
      const page = pages[locator ?? '']
      assert.ok(page)
      const { csv, next, rows = null, isLast = next === null } = page
      return { csv: Buffer.from(csv), next, rows, isLast }
    },
  }
  const calls = {
    make: <T>(call: (signal: AbortSignal) => Promise<T>) => call(signal),
    nap: async () => {},
  }
  const job = { id: '750x', state: 'JobComplete', object: 'Contact', operation: 'query' }
  const told = { ...job, numberRecordsProcessed: total, errorMessage: null }
  return text(new QueryPages(api, calls, signal).of(told))
}

test('pages are joined under one header, and a row that breaks off stays apart', async () => {
  const whole = {
    '': { csv: HEADER + A, next: 'b' },
    b: { csv: HEADER + B.slice(0, 10), next: 'c' },
    c: { csv: HEADER + C, next: null },
  }
  assert.equal(await read(whole, 3), `${HEADER}${A}${B.slice(0, 10)}\n${C}`)
  assert.equal(await read({ '': { csv: '', next: null } }, 0), HEADER)
})

const broken: Readonly<Record<string, readonly [Readonly<Record<string, Given>>, number | null]>> =
  {
    'whose locators lead in a circle': [
      {
        '': { csv: HEADER + A, next: 'b' },
        b: { csv: HEADER + B, next: 'c' },
        c: { csv: HEADER + C, next: 'b' },
      },
      3,
    ],
    'of which one has another header': [
      { '': { csv: HEADER + A, next: 'b' }, b: { csv: `"Name"\n${B}`, next: null } },
      2,
    ],
    'of which one has no header': [
      { '': { csv: HEADER + A, next: 'b' }, b: { csv: B + C, next: null } },
      3,
    ],
    'of which none is said to be the last, and whose number is not known': [
      { '': { csv: HEADER + A, next: null, isLast: false } },
      null,
    ],
    'of which none is said to be the last, with other rows than the job': [
      { '': { csv: HEADER + A, next: null, isLast: false } },
      2,
    ],
  }
for (const [what, [pages, total]] of Object.entries(broken)) {
  test(`results ${what} are refused`, { timeout: 10_000 }, async () => {
    await assert.rejects(read(pages, total), { code: 'SOURCE_TRUNCATED' })
  })
}
