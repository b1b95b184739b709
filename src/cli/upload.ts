import { createReadStream } from 'node:fs'
import type { DeletionRequest } from '../shared/request.ts'
import { decompress } from '../worker/sources/decompress.ts'
import type { Input } from './input.ts'

const BLOCK_BYTES = 512 * 1024

/** The bytes that go along with a request whose source is an upload, decompressed where they are not plain. */
export function uploadOf(
  { source }: DeletionRequest,
  input: Input,
): AsyncIterable<Uint8Array> | undefined {
  if (source.type !== 'upload') return undefined
  switch (input.kind) {
    case 'file':
      return decompress(createReadStream(input.path, { highWaterMark: BLOCK_BYTES }), input.name)
    case 'stream':
      return decompress(input.open(), input.name)
    case 'ids':
    case 'source':
      return undefined
    default:
      throw new TypeError(`Unknown input ${JSON.stringify(input satisfies never)}`)
  }
}
