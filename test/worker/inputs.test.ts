import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { DeletionRequestInput, Receipt } from '../../src/producer/producer.ts'
import { id15, id18, ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

/** What a user may hand in, as a file, and what comes of it: a right answer or a clear refusal. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
await world.startWorker()

let files = 0

async function run(content: string | Uint8Array, options: Options = {}): Promise<Receipt> {
  const path = join(world.folder, `input-${++files}.csv`)
  await writeFile(path, content)
  return runPath(path, options)
}

type Options = Pick<DeletionRequestInput, 'onInvalid' | 'onUnchecked' | 'dryRun'> & {
  readonly object?: string
  readonly column?: string
}

async function runPath(path: string, { column, ...options }: Options = {}): Promise<Receipt> {
  const { request } = await world.producer.submit({
    org: world.org,
    object: 'Contact',
    source: { type: 'file', path, ...(column === undefined ? {} : { column }) },
    ...options,
  })
  return world.producer.wait(request.id, { org: world.org })
}

/** Ids that no other test of this file uses: a record can be deleted only once. */
let used = 0
function fresh(count: number): string[] {
  used += count
  return ids18(count, used - count)
}

describe('an input that is understood', { concurrency: true }, () => {
  const lines = (ids: readonly string[], header = 'Id') => [header, ...ids, ''].join('\n')
  const accepted: Record<string, (ids: readonly string[]) => string | Uint8Array> = {
    'a header Id': (ids) => lines(ids),
    'a header in another case': (ids) => lines(ids, 'iD'),
    'a header of a Salesforce report': (ids) => lines(ids, 'Contact ID'),
    'no header': (ids) => ids.join('\n'),
    'other columns': (ids) =>
      lines(
        ids.map((id) => `Doe,${id},x`),
        'Name,Id,Note',
      ),
    'quotes, with separators inside': (ids) =>
      lines(
        ids.map((id) => `"Doe, ""J""","${id}"`),
        '"Name","Id"',
      ),
    'quotes around one column': (ids) =>
      lines(
        ids.map((id) => `"${id}"`),
        '"Id"',
      ),
    'a byte order mark': (ids) => `\uFEFF${lines(ids)}`,
    'CRLF line ends': (ids) => lines(ids).replaceAll('\n', '\r\n'),
    'blank lines': (ids) => lines(ids).replaceAll('\n', '\n\n'),
    semicolons: (ids) =>
      lines(
        ids.map((id) => `${id};x`),
        'Id;Name',
      ),
    tabs: (ids) =>
      lines(
        ids.map((id) => `${id}\tx`),
        'Id\tName',
      ),
    pipes: (ids) =>
      lines(
        ids.map((id) => `${id}|x`),
        'Id|Name',
      ),
    gzip: (ids) => gzipSync(lines(ids)),
    zstd: (ids) => zstdCompressSync(lines(ids)),
  }
  for (const [what, write] of Object.entries(accepted)) {
    test(`with ${what} is deleted`, async () => {
      const receipt = await run(write(fresh(7)))
      assert.equal(receipt.error, null)
      assert.equal(receipt.status, 'completed')
      assert.equal(receipt.outcome?.deleted, 7)
    })
  }

  test('with the column named is deleted', async () => {
    const receipt = await run(
      lines(
        fresh(3).map((id) => `${id},x`),
        'Person,Other',
      ),
      { column: 'Person' },
    )
    assert.equal(receipt.outcome?.deleted, 3)
  })

  test('with 15 and 18 characters mixed is deleted where unchecked ids are accepted', async () => {
    const mixed = lines(fresh(7).map((id, k) => (k % 2 ? id : id.slice(0, 15))))
    const receipt = await run(mixed, { onUnchecked: 'accept' })
    assert.equal(receipt.outcome?.deleted, 7)
    assert.equal(receipt.plan?.unchecked, 4)
  })

  test('that is a header alone completes with nothing to do', async () => {
    const receipt = await run('Id\n')
    assert.equal(receipt.status, 'completed')
    assert.equal(receipt.plan?.accepted, 0)
    assert.deepEqual(receipt.ingestJobs, [])
  })

  test('with bad rows goes on without them where they are to be skipped', async () => {
    const [first = '', second = ''] = fresh(2)
    const receipt = await run(lines([first, 'x', second, first]), { onInvalid: 'skip' })
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(
      [receipt.plan?.read, receipt.plan?.accepted, receipt.plan?.invalid, receipt.plan?.duplicate],
      [4, 2, 1, 1],
    )
  })
})

describe('an input that is refused', { concurrency: true }, () => {
  const refused: Record<string, [content: string | Uint8Array, code: string, message: RegExp]> = {
    'a wrong checksum': [
      `Id\n${id18(1)}\n${id15(2)}AAB\n`,
      'INVALID_ROWS',
      /line 3.*WRONG_CHECKSUM/,
    ],
    'a record of another object': [
      `Id\n${id18(1, '00Q')}\n`,
      'INVALID_ROWS',
      /line 2.*OTHER_OBJECT.*Lead/,
    ],
    'a row that is no id, without telling it': [
      'Id\njohn.doe@example.com\n',
      'INVALID_ROWS',
      /line 2: joh… \(20 characters\)/,
    ],
    '100 lower-cased ids of 15 characters': [
      Array.from({ length: 100 }, (_, n) => id15(n * 40).toLowerCase()).join('\n'),
      'CASE_DAMAGED',
      /upper or lower case/,
    ],
    'lower-cased ids of 18 characters': [
      ids18(3, 40).join('\n').toLowerCase(),
      'INVALID_ROWS',
      /WRONG_CHECKSUM/,
    ],
    'no bytes': ['', 'EMPTY_SOURCE', /./],
    'no Id column': ['Name,Mail\nx,y\n', 'NO_ID_COLUMN', /Name.*Mail/],
    'two Id columns': [`Id,ID\n${id18(1)},${id18(2)}\n`, 'AMBIGUOUS_ID_COLUMN', /Id.*ID/],
    'binary data': [Buffer.concat([Buffer.from([0, 1, 2, 0]), randomBytes(5000)]), 'NOT_TEXT', /./],
  }
  test('with one id of 15 characters: UNCHECKED_IDS, and how to go on', async () => {
    const ids = [id18(10), id15(11), id18(12)].join('\n')
    for (const dryRun of [false, true]) {
      const receipt = await run(ids, { dryRun })
      assert.equal(receipt.status, 'refused')
      assert.equal(receipt.error?.code, 'UNCHECKED_IDS')
      const message = receipt.error?.message ?? ''
      assert.match(message, /^1 of 3 ids has 15 characters/)
      assert.match(message, /CASESAFEID/)
      assert.deepEqual(receipt.error?.remedies, [
        { to: 'accept ids without checksum', field: 'onUnchecked', value: 'accept' },
      ])
      assert.equal(receipt.plan?.unchecked, 1)
      assert.deepEqual(receipt.ingestJobs, [])
    }
  })

  test('that holds bad rows alone, even where they are to be skipped: NOTHING_ACCEPTED', async () => {
    const receipt = await run('Id\nnobody\nno one\n', { onInvalid: 'skip' })
    assert.equal(receipt.status, 'refused')
    assert.equal(receipt.error?.code, 'NOTHING_ACCEPTED')
    assert.match(receipt.error?.message ?? '', /2 other rows; the first is line 2: nob…/)
    assert.deepEqual([receipt.plan?.accepted, receipt.plan?.invalid], [0, 2])
  })

  test('that holds ids of another object alone is told which object to name', async () => {
    const receipt = await run('Id\n00Q5g00000Demo1EAB\n')
    assert.deepEqual(receipt.error?.remedies, [
      { to: 'delete Lead records', field: 'object', value: 'Lead' },
    ])
  })

  for (const [object, prefix] of [
    ['Contact', '003'],
    ['Lead', '00Q'],
    ['Campaign', '701'],
  ] as const) {
    test(`for ${object} with 5,000 ids in upper case, even where they are accepted: CASE_DAMAGED`, async () => {
      const ids = Array.from({ length: 5000 }, (_, n) => id15(n * 37, prefix).toUpperCase())
      const receipt = await run(ids.join('\n'), {
        object,
        onUnchecked: 'accept',
        onInvalid: 'skip',
      })
      assert.equal(receipt.status, 'refused')
      assert.equal(receipt.error?.code, 'CASE_DAMAGED')
      assert.match(receipt.error?.message ?? '', /CASESAFEID/)
      assert.deepEqual(receipt.ingestJobs, [])
    })
  }

  const damaged: Record<string, (ids: readonly string[]) => string> = {
    'a note with bare quotes, an id within': ([a, b]) => `Id,Note\n${a},"said "call\n${b},now""\n`,
    'a table with other columns pasted below': ([a, b, c, d]) =>
      `Id,ReportsToId\n${a},${b}\nReportsToId,Id\n${c},${d}\n`,
    'a bare line end in a note': ([a, b]) => `Id,Note,City\n${a},see\n${b},x\n`,
  }
  for (const [what, write] of Object.entries(damaged)) {
    test(`with ${what}, even where bad rows are to be skipped: BROKEN_CSV`, async () => {
      const receipt = await run(write(ids18(4, 9000)), { onInvalid: 'skip' })
      assert.equal(receipt.status, 'refused')
      assert.equal(receipt.error?.code, 'BROKEN_CSV')
      assert.match(receipt.error?.message ?? '', /^Line [23]: /)
      assert.deepEqual(receipt.ingestJobs, [])
    })
  }

  for (const [what, [content, code, message]] of Object.entries(refused)) {
    test(`with ${what}: ${code}`, async () => {
      const receipt = await run(content)
      assert.equal(receipt.status, 'refused')
      assert.equal(receipt.error?.code, code)
      assert.match(receipt.error?.message ?? '', message)
      assert.equal(receipt.outcome, null)
      assert.deepEqual(receipt.ingestJobs, [])
    })
  }

  test('with a line of 200 MB: LINE_TOO_LONG, without being held', async () => {
    const path = join(world.folder, 'long.csv')
    const file = await open(path, 'w')
    await file.write(`Id\n${id18(1)}\n`)
    const block = Buffer.alloc(10_000_000, 'x')
    for (let k = 0; k < 20; k++) await file.write(block)
    await file.close()
    const before = process.memoryUsage().rss
    const receipt = await runPath(path)
    assert.equal(receipt.error?.code, 'LINE_TOO_LONG')
    assert.match(receipt.error?.message ?? '', /line 3/i)
    assert.ok(process.memoryUsage().rss - before < 100e6, 'memory stays flat')
  })

  test('for more records than the org allows: TOO_MANY_RECORDS', async () => {
    const { request } = await world.producer.submit({
      org: world.org,
      object: 'Contact',
      source: { type: 'ids', ids: fresh(4) },
      maxRecords: 3,
    })
    const receipt = await world.producer.wait(request.id, { org: world.org })
    assert.equal(receipt.error?.code, 'TOO_MANY_RECORDS')
  })
})

describe('an input that cannot be read fails', () => {
  test('where the file is missing', async () => {
    const receipt = await runPath(join(world.folder, 'missing.csv'))
    assert.equal(receipt.status, 'failed')
    assert.equal(receipt.error?.code, 'SOURCE_NOT_FOUND')
    assert.match(receipt.error?.message ?? '', /missing\.csv/)
  })

  test('where it is a directory', async () => {
    const path = join(world.folder, 'directory')
    await mkdir(path)
    const receipt = await runPath(path)
    assert.equal(receipt.status, 'failed')
    assert.equal(receipt.error?.code, 'SOURCE_NOT_READABLE')
  })
})

test('nothing that is refused ever reaches Salesforce', () => {
  assert.deepEqual(world.sandbox.referee.stats().violations, [])
})
