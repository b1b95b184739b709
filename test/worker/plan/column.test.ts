import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc, runs } from '../../helpers/fast-check.ts'
import { id15, id18, ids18 } from '../../helpers/ids.ts'
import { modelColumn } from './model.ts'
import { collect, outcomeOf, scanText } from './texts.ts'

const number = fc.nat(5_000_000)
const id = fc.oneof(
  number.map((n) => id18(n)),
  number.map((n) => id15(n)),
)
const value = fc.oneof(
  { weight: 8, arbitrary: id },
  { weight: 1, arbitrary: number.map((n) => id18(n, '00Q')) },
  { weight: 1, arbitrary: number.map((n) => id15(n, 'a0B')) },
  { weight: 1, arbitrary: number.map((n) => id18(n).toLowerCase()) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('\u00a0', '\u200b', '\u200e\ufeff'), id)
      .map(([unseen, text]) => unseen + text + unseen),
  },
  { weight: 1, arbitrary: id.map((text) => `${text.slice(0, 2)}\u200b${text.slice(2)}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'jöhn.dœ@example.com', '003', '😀 smile'),
  },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...'03aZ é'), maxLength: 40 }) },
)
const broken = fc.oneof(
  fc.constantFrom('003,x', '"', ',"', '"" ""', '\u200b""', 'Id', '"Contact ID"', ' iD '),
  fc.string({ unit: fc.constantFrom(...'03aZ ,;|\t"é\u200b'), maxLength: 40 }),
)
const row = fc.oneof(
  { weight: 4, arbitrary: value },
  { weight: 2, arbitrary: value.map((text) => `"${text}"`) },
  { weight: 1, arbitrary: value.map((text) => `  ${text}\t`) },
  { weight: 1, arbitrary: value.map((text) => ` " ${text} " `) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '   ', ',,', '"","" ;', '""', '"\u00a0"', '\u200b|'),
  },
)
/** Whole texts, and some that break anywhere. */
const rowsOfText = fc.oneof(
  fc.array(row, { maxLength: 60 }),
  fc.array(fc.oneof({ weight: 30, arbitrary: row }, { weight: 1, arbitrary: broken }), {
    maxLength: 60,
  }),
)
const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 })

/** Rows with line ends, the same throughout or mixed, the last one perhaps without. */
const body = fc
  .tuple(rowsOfText, fc.array(lineEnd, { minLength: 1, maxLength: 3 }))
  .map(([rows, ends]) => rows.map((text, i) => text + (ends[i % ends.length] ?? '\n')).join(''))

test('a column below a header is read like a model reads it', async () => {
  const header = fc.constantFrom('Id', '"Id"', ' ID ', 'contact id', '\ufeffId', '\r\n \nId')
  await fc.assert(
    fc.asyncProperty(
      header,
      lineEnd,
      body,
      fc.boolean(),
      sizes,
      async (head, end, rows, open, cuts) => {
        const whole = `${head}${end}${rows}`
        const text = open ? whole.trimEnd() : whole
        const expected = modelColumn(text.replace('\ufeff', ''), true)
        assert.deepEqual(await outcomeOf(text, { sizes: cuts }), expected)
      },
    ),
    { numRuns: runs(300) },
  )
})

test('a bare list is read like a model reads it', async () => {
  await fc.assert(
    fc.asyncProperty(id, lineEnd, body, sizes, async (first, end, rows, cuts) => {
      const text = `${first}${end}${rows}`
      assert.deepEqual(await outcomeOf(text, { sizes: cuts }), modelColumn(text, false))
    }),
    { numRuns: runs(200) },
  )
})

test('blocks keep order and line numbers over many chunks', async () => {
  const ids = ids18(100_000)
  const text = ['Id', ...ids, 'nobody', ''].join('\n')
  const { ids: found, refused } = await scanText(text, { sizes: [70_001, 3] })
  assert.equal(found.length, ids.length)
  assert.ok(found.every((id, i) => ids[i]?.startsWith(id)))
  assert.deepEqual(
    refused.map(({ line, value }) => [line, value]),
    [[100_002, 'nob… (6 characters)']],
  )
})

test('a source of refused rows alone comes in small blocks', async () => {
  const text = `Id\n${'nobody\n'.repeat(5000)}`
  const { refused } = await scanText(text)
  assert.equal(refused.length, 5000)
  assert.equal(refused.at(-1)?.line, 5001)
})

test('a line of 200 MB is refused without being kept', async () => {
  const piece = new Uint8Array(1 << 20).fill(65)
  let sent = 0
  async function* endless() {
    yield new TextEncoder().encode(`Id\n${id18(1)}\n`)
    for (; sent < 200; sent++) yield piece
  }
  await assert.rejects(collect(endless()), { code: 'LINE_TOO_LONG', message: /^Line 3 / })
  assert.ok(sent < 3, `read on for ${sent} MiB`)
})

test('an id of another object is told by name', async () => {
  const { refused } = await scanText(['Id', id18(1, '00Q'), id18(1, 'a0B')].join('\n'))
  assert.deepEqual(
    refused.map(({ detail }) => detail),
    [
      'expected the key prefix 003 (Contact), got 00Q (Lead)',
      'expected the key prefix 003 (Contact), got a0B',
    ],
  )
})
