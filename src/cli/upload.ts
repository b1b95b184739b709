import { dirname } from 'node:path'
import type { DeletionRequest } from '../shared/contract/request.ts'
import { readSourceFile } from '../shared/contract/source-file.ts'
import { decompress } from '../worker/sources/decompress.ts'
import type { Input } from './input.ts'

/**
 * The bytes that go along with a request whose source is an upload, decompressed where they are not
 * plain. A file that is written to meanwhile would be a list that nobody meant: that throws.
 */
export function uploadOf(
  { source }: DeletionRequest,
  input: Input,
): AsyncIterable<Uint8Array> | undefined {
  if (source.type !== 'upload') return undefined
  switch (input.kind) {
    case 'file':
      return decompress(
        readSourceFile({ path: input.path, roots: [dirname(input.path)] }),
        input.name,
      )
    case 'stream':
      return decompress(input.open(), input.name)
    case 'ids':
    case 'source':
      return undefined
    default:
      throw new TypeError(`Unknown input ${JSON.stringify(input satisfies never)}`)
  }
}
