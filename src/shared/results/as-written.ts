import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { codeOf } from '../errors.ts'
import type { ResultFile } from '../receipt.ts'

const BLOCK_BYTES = 512 * 1024

/** Whether a file is what was written, to the byte. It is read once, unless its size tells already. */
export async function isAsWritten(
  path: string,
  { bytes, sha256 }: Pick<ResultFile, 'bytes' | 'sha256'>,
  each: (block: Buffer) => Promise<void> = async () => {},
): Promise<boolean> {
  try {
    const { size } = await stat(path)
    if (size !== bytes) return false
    const hash = createHash('sha256')
    const blocks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: BLOCK_BYTES })
    for await (const block of blocks) {
      hash.update(block)
      await each(block)
    }
    return hash.digest('hex') === sha256
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}
