import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { roaringLibraryInitialize } from 'roaring-wasm'
import { IdSet, parseIdText } from '../../src/sandbox/ids.ts'
import { permutation } from '../../src/sandbox/results.ts'
import { BlockReader, receiveUpload } from '../../src/sandbox/upload.ts'
import { canonicalId, to18 } from '../../src/shared/contract/record-id.ts'
import { fc, runs } from '../helpers/fast-check.ts'

before(() => roaringLibraryInitialize())

const id15 = fc.stringMatching(/^[0-9A-Za-z]{15}$/)

test('an id parses exactly where the shared form says it is one', () => {
  const nearly = fc.oneof(
    id15,
    id15.map(to18),
    fc.tuple(id15, fc.stringMatching(/^[0-9A-Za-z]{3}$/)).map(([id, end]) => id + end),
    fc.stringMatching(/^[ -~]{14,19}$/),
  )
  fc.assert(
    fc.property(nearly, (text) => {
      assert.equal(parseIdText(text) !== undefined, canonicalId(text) !== undefined)
    }),
  )
})

test('a set of ids behaves as a set of strings', () => {
  const close = fc.tuple(fc.constantFrom('0035f0000', '00Q5f0000', '0035f0001'), fc.nat(61))
  const id = fc.oneof(
    id15,
    close.map(([start, n]) => `${start}00000${n.toString(36)}`.slice(0, 15)),
  )
  const step = fc.tuple(fc.constantFrom('add', 'delete', 'has'), id)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const [set, strings] = [new IdSet(), new Set<string>()]
      for (const [what, text] of steps) {
        const id = parseIdText(text)
        if (!id) continue
        const had = strings.has(text)
        if (what === 'has') assert.equal(set.has(id), had)
        if (what === 'add') assert.equal(set.add(id), !strings.has(text) && !!strings.add(text))
        if (what === 'delete') assert.equal(set.delete(id), strings.delete(text))
        assert.equal(set.size, strings.size)
      }
      set.dispose()
    }),
  )
})

test('a permutation meets every number once, and never in their order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 3_000 }), fc.nat(), (length, seed) => {
      const order = permutation(length, seed)
      const met = Array.from({ length }, (_, index) => order(index))
      assert.notDeepEqual(met, [...met.keys()])
      assert.deepEqual(new Set(met), new Set(met.keys()))
    }),
  )
})

test('an upload reads back as its lines, however it was cut on the way', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-test-'))
  const line = fc.constantFrom('', 'x', 'a,b', '"q"', '0035f000000001aAAA')
  const upload = fc.record({
    lines: fc.array(line, { maxLength: 30 }),
    lineEnding: fc.constantFrom('LF' as const, 'CRLF' as const),
    open: fc.boolean(),
    cut: fc.integer({ min: 1, max: 50 }),
    repeat: fc.constantFrom(1, 1, 1, 700),
  })
  await fc.assert(
    fc.asyncProperty(upload, async ({ lines, lineEnding, open, cut, repeat }) => {
      const rows = Array.from({ length: repeat }, () => lines).flat()
      const end = lineEnding === 'LF' ? '\n' : '\r\n'
      const tail = open && rows.at(-1) !== '' ? '' : end
      const text = ['Id', ...rows].join(end) + tail
      const stored = await receiveUpload({
        body: pieces(Buffer.from(text), cut * repeat),
        file: join(folder, 'upload.csv'),
        lineEnding,
        maxBytes: text.length,
      })
      assert.ok(stored)
      assert.deepEqual(
        [stored.bytes, stored.rows, stored.header, stored.lineEndingIsRight],
        [text.length, rows.length, 'Id', true],
      )
      assert.deepEqual(
        await readAll(await BlockReader.open(stored)),
        rows.map((row) => (row === '"q"' ? 'q' : row)),
      )
    }),
    { numRuns: runs(60) },
  )
  await rm(folder, { recursive: true })
})

async function* pieces(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

async function readAll(reader: BlockReader): Promise<string[]> {
  const rows: string[] = []
  for (let block = 0; block < reader.blocks; block++) {
    await reader.read(block)
    for (let row = 0; row < reader.rows; row++) {
      const bytes = reader.bytes.subarray(reader.starts[row], reader.ends[row])
      rows.push(Buffer.from(bytes).toString())
    }
  }
  await reader.close()
  return rows
}
