import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUILT_IN_OBJECTS } from '../../../src/shared/contract/objects.ts'
import { PLAIN_TEXT } from '../../../src/shared/contract/sources/kind.ts'
import { scan } from '../../../src/worker/plan/scan.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { id18 } from '../../helpers/ids.ts'

const [object = { name: 'Contact', prefix: '003' }] = BUILT_IN_OBJECTS
const text = { ...PLAIN_TEXT, layout: 'values' } as const

/** The lines of refused rows, and how many ids there were. */
async function scanned(lines: readonly string[], cut: number) {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut)
  }
  const refused = []
  let ids = 0
  for await (const block of scan(chunks(), { object, text })) {
    ids += block.count
    refused.push(...block.refused)
  }
  return { ids, refused }
}

test('a list of values without any is one', async () => {
  assert.deepEqual(await scanned([], 1), { ids: 0, refused: [] })
})

test('each line of a list of values is a row, whatever it holds', async () => {
  const odd = [
    '',
    ' ',
    'Id',
    'a,b;c|d\te',
    '"',
    '"a""b"',
    'sep=,',
    '\uFEFF',
    '\x1a',
    '\u00a0',
    'nonsense',
  ]
  const value = fc.oneof(
    fc.nat(1_000_000).map((n) => id18(n)),
    fc.constantFrom(...odd),
  )
  const lists = fc.array(value, { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(lists, fc.integer({ min: 1, max: 100 }), async (lines, cut) => {
      const { ids, refused } = await scanned(lines, cut)
      const wrong = lines.flatMap((line, at) => (odd.includes(line) ? [at + 1] : []))
      assert.deepEqual(
        refused.map(({ line }) => line),
        wrong,
      )
      assert.equal(ids, lines.length - wrong.length)
    }),
    { numRuns: runs(200) },
  )
})
