import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc, runs } from '../../helpers/fast-check.ts'
import { id15, id18 } from '../../helpers/ids.ts'
import { modelTable } from './model.ts'
import { collect, cut, outcomeOf, scanText } from './texts.ts'

const number = fc.nat(5_000_000)
const idCell = fc.oneof(
  { weight: 6, arbitrary: number.map((n) => id18(n)) },
  { weight: 2, arbitrary: number.map((n) => id15(n)) },
  { weight: 1, arbitrary: number.map((n) => ` ${id18(n)} `) },
  { weight: 1, arbitrary: number.map((n) => `\u200e${id18(n)}\u200b\u00a0`) },
  { weight: 1, arbitrary: number.map((n) => id18(n, '00Q')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', ' ', '\u00a0', '\u200b', 'jöhn@example.com', 'x'.repeat(300)),
  },
)
const text = fc.string({ unit: fc.constantFrom(...'ab ,;|\t"é\n😀0'), maxLength: 12 })
const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 })

/** The last column: now and then it is missing, or there are more. */
const rest = fc.oneof(
  { weight: 50, arbitrary: fc.tuple(text) },
  { weight: 1, arbitrary: fc.array(text, { maxLength: 3 }) },
)

/** Rows as a careful exporter writes them: quoted wherever there is need, or always. */
const table = fc
  .record({
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    end: lineEnd,
    always: fc.boolean(),
    blanks: fc.boolean(),
    rows: fc.array(fc.tuple(text, idCell, rest), { maxLength: 40 }),
  })
  .map(({ delimiter, end, always, blanks, rows }) => {
    const quote = (cell: string) =>
      always || /["\n\r,;|\t]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
    let written = ['Name', 'Id', 'Note'].join(delimiter) + end
    let line = 2
    const lines = rows.map(([name, id, rest]) => {
      if (blanks) {
        written += end
        line++
      }
      const cells = [`n${name}`, id, ...rest]
      const start = line
      written += cells.map(quote).join(delimiter) + end
      line += cells.join('').split('\n').length
      return { cells, line: start }
    })
    return { text: written, lines }
  })

test('a table is read like a model reads it', async () => {
  await fc.assert(
    fc.asyncProperty(table, sizes, async ({ text, lines }, cuts) => {
      const expected = modelTable(lines, { column: 1, width: 3 })
      assert.deepEqual(await outcomeOf(text, { sizes: cuts }), expected)
    }),
    { numRuns: runs(300) },
  )
})

test('a row without a value in the Id column is refused, and one without any value skipped', async () => {
  const { ids, refused } = await scanText(`Name,Id\nAnn,\n,\n" ","" \n,,,\nEve,${id18(1)}\n,`)
  assert.deepEqual(ids, [id15(1)])
  assert.deepEqual(refused, [
    { line: 2, value: '', reason: 'EMPTY_VALUE', detail: 'no value in the Id column' },
  ])
})

test('rows in order survive many blocks of refused ones', async () => {
  const rows = Array.from({ length: 30_000 }, (_, n) => `${n % 3 === 0 ? id18(n) : 'nobody'},x`)
  const { ids, refused } = await scanText(['Id,Name', ...rows, ''].join('\r\n'))
  assert.equal(ids.length, 10_000)
  assert.equal(refused.length, 20_000)
  assert.deepEqual(ids.at(-1), id15(29_997))
  assert.ok(refused.every(({ line }, i) => line === 2 + i + Math.floor(i / 2) + 1))
})

test('a row of 200 MB is refused without being kept, quoted or not', async () => {
  const piece = new Uint8Array(1 << 20).fill(65)
  for (const start of [`${id18(1)},`, `${id18(1)},"`]) {
    let sent = 0
    async function* endless() {
      yield new TextEncoder().encode(`Id,Name\n${start}`)
      for (; sent < 200; sent++) yield piece
    }
    await assert.rejects(collect(endless()), { code: 'LINE_TOO_LONG', message: /^Line 2 / })
    assert.ok(sent < 3, `read on for ${sent} MiB`)
  }
})

test('what the source throws comes out between rows', async () => {
  const lost = new Error('connection lost')
  async function* source() {
    yield* cut(new TextEncoder().encode(`Id,Name\n${`${id18(1)},x\n`.repeat(9000)}`), [50_000])
    throw lost
  }
  await assert.rejects(collect(source()), lost)
})
