import { createReadStream } from 'node:fs'

const LF = 0x0a
const QUOTE = 0x22
const BLOCK_BYTES = 512 * 1024

/** Rows of a CSV file below its header. What stands in quotes may have line ends of its own. */
export async function countRows(path: string): Promise<number> {
  let lines = 0
  let isQuoted = false
  const blocks: AsyncIterable<Uint8Array> = createReadStream(path, { highWaterMark: BLOCK_BYTES })
  for await (const block of blocks) {
    // By index: an iterator over the bytes takes several times as long.
    for (let at = 0; at < block.length; at++) {
      if (block[at] === QUOTE) isQuoted = !isQuoted
      else if (block[at] === LF && !isQuoted) lines++
    }
  }
  return Math.max(0, lines - 1)
}
