import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import {
  FRAME_BYTES,
  pack,
  StagingError,
  store,
  unpack,
} from '../../../../src/shared/store/staging/frame.ts'
import { fc } from '../../../helpers/fast-check.ts'

/** Where the way of packing, or the header of a frame, changes. */
const EDGES = [0, 1, 255, 256, 1_024, 1_025, 16_384, 16_385]

test('whatever is packed is unpacked, by us and by any zstd', async () => {
  const size = fc.oneof(fc.constantFrom(...EDGES), fc.nat(2_000), fc.nat(70_000))
  await fc.assert(
    fc.asyncProperty(size, fc.boolean(), async (length, isNoise) => {
      const bytes = isNoise ? randomBytes(length) : Buffer.alloc(length, 'A')
      const frame = await pack(bytes)
      assert.ok(bytes.equals(unpack(frame, 'key')))
      assert.ok(bytes.equals(zstdDecompressSync(frame)))
    }),
    { examples: EDGES.map((length) => [length, true]) },
  )
})

test('a Node without zstd stores frames that any zstd reads', async () => {
  const block = 128 * 1024
  for (const length of [0, 255, 256, 65_791, 65_792, block, block + 1, 2 * block, FRAME_BYTES]) {
    const bytes = randomBytes(length)
    const frame = store(bytes)
    assert.ok(bytes.equals(unpack(frame, 'key')), `${length} bytes`)
    assert.ok(bytes.equals(zstdDecompressSync(frame)), `${length} bytes`)
    assert.ok(frame.length <= length + 33)
  }
})

test('a frame shares nothing with the bytes that it was made of', async () => {
  for (const length of EDGES) {
    const bytes = Buffer.alloc(length, 'A')
    const frame = await pack(bytes)
    bytes.fill('B')
    assert.ok(Buffer.alloc(length, 'A').equals(unpack(frame, 'key')))
  }
})

test('what is no frame is an error that names its key', async () => {
  const frame = await pack(Buffer.from('Id\n'))
  for (const wrong of [Buffer.from('Id\n'), frame.subarray(0, -1), Buffer.alloc(0)]) {
    assert.throws(
      () => unpack(wrong, 'frames:r'),
      (error) => {
        assert.ok(error instanceof StagingError)
        assert.match(error.message, /frames:r .*Submit the request again/)
        return true
      },
    )
  }
})
