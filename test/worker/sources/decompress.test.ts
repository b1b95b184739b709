import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { decompress } from '../../../src/worker/sources/decompress.ts'

const TEXT = Array.from({ length: 5000 }, (_, n) => `line ${n * 7919}\n`).join('')
const SIZES = [101, 1000, 1 << 20]
const DAMAGED = {
  name: 'SourceError',
  code: 'SOURCE_TRUNCATED',
  message: /^list is a truncated or damaged/,
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(bytes: Uint8Array, size: number): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of decompress(cut(bytes, size), 'list')) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function assertReads(bytes: Uint8Array, text: string): Promise<void> {
  for (const size of SIZES) assert.ok((await read(bytes, size)) === text, `in chunks of ${size}`)
}

async function assertDamaged(bytes: Uint8Array): Promise<void> {
  for (const size of SIZES) await assert.rejects(read(bytes, size), DAMAGED)
}

for (const [format, compress] of [
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const) {
  const whole: Buffer = compress(TEXT)

  describe(format, () => {
    test('is read through one member', () => assertReads(whole, TEXT))

    test('is read through all members', async () => {
      await assertReads(Buffer.concat([whole, compress('two\n'), whole]), `${TEXT}two\n${TEXT}`)
    })

    test('is read byte by byte', async () => {
      const members = Buffer.concat([compress('Id\n'), compress('003\n')])
      assert.equal(await read(members, 1), 'Id\n003\n')
    })

    test('is read through padding', async () => {
      await assertReads(Buffer.concat([whole, Buffer.alloc(600)]), TEXT)
      await assertReads(Buffer.concat([whole, Buffer.alloc(3), whole]), TEXT + TEXT)
    })

    test('is read through an empty member', () => assertReads(compress(''), ''))

    test('throws where it is cut short', async () => {
      for (const length of [5, whole.length >> 1, whole.length - 1]) {
        await assertDamaged(whole.subarray(0, length))
      }
    })

    test('throws where a later member is cut short', async () => {
      await assertDamaged(Buffer.concat([whole, whole.subarray(0, whole.length >> 1)]))
      await assertDamaged(Buffer.concat([whole, whole.subarray(0, 3)]))
    })

    test('throws where something else follows', async () => {
      await assertDamaged(Buffer.concat([whole, Buffer.from('Id\n003')]))
    })

    test('throws where its end is damaged', async () => {
      const damaged = Buffer.from(whole)
      damaged[damaged.length - 6] = (damaged.at(-6) ?? 0) ^ 0xff
      await assertDamaged(damaged)
    })

    test('is closed with its source when the reader leaves early', async () => {
      let closed = false
      async function* source() {
        try {
          yield* cut(whole, 100)
        } finally {
          closed = true
        }
      }
      for await (const _ of decompress(source(), 'list')) break
      assert.ok(closed)
    })

    test('throws what its source throws', async () => {
      const lost = { reason: 'no error, but thrown' }
      async function* source() {
        yield whole.subarray(0, 1000)
        throw lost
      }
      const reading = async () => {
        for await (const _ of decompress(source(), 'list'));
      }
      await assert.rejects(reading(), (error) => error === lost)
    })
  })
}

test('plain bytes pass, however short', async () => {
  for (const text of ['', '0', '003', TEXT]) await assertReads(Buffer.from(text), text)
})
