import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { codeOf } from '../base/errors.ts'
import type { ResultFile } from '../contract/receipt.ts'

const BLOCK_BYTES = 512 * 1024

/**
 * Whether a file is what was written, to the byte. It is read once, unless its size tells already.
 *
 * @param each gets the bytes in their order; they are its own until it resolves
 */
export async function isAsWritten(
  path: string,
  { bytes, sha256 }: Pick<ResultFile, 'bytes' | 'sha256'>,
  each: (block: Uint8Array) => Promise<void> = async () => {},
): Promise<boolean> {
  try {
    await using file = await open(path)
    if ((await file.stat()).size !== bytes) return false
    const hash = createHash('sha256')
    // One for all: a stream's blocks were 50 MiB of garbage for 5 million rows.
    const buffer = new Uint8Array(Math.min(bytes, BLOCK_BYTES))
    for (;;) {
      const { bytesRead } = await file.read(buffer)
      if (bytesRead === 0) return hash.digest('hex') === sha256
      const block = buffer.subarray(0, bytesRead)
      hash.update(block)
      await each(block)
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}
