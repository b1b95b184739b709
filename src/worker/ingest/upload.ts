import { createHash } from 'node:crypto'
import type { ChunkRef } from '../../shared/ledger/record.ts'
import { ID_LENGTH, SUFFIX_BYTES } from '../../shared/record-id.ts'
import { type Staging, StagingError } from '../../shared/staging.ts'

/**
 * Staged chunks as the body of an upload: the header `Id`, then one 18-character id a line, LF, no
 * BOM (Bulk API 2.0: a delete's CSV may hold only the Id column). Its length is known beforehand.
 */

const HEADER = new TextEncoder().encode('Id\n')
const LF = 10

/** One row: 15 characters, 3 of suffix, LF. */
const ROW_BYTES = ID_LENGTH + 4

/** Bytes of the CSV that carries so many ids. */
export function csvLength(ids: number): number {
  return HEADER.length + ids * ROW_BYTES
}

/** How many ids fit a CSV of so many bytes. */
export function idsThatFit(bytes: number): number {
  return Math.floor((bytes - HEADER.length) / ROW_BYTES)
}

/**
 * The CSV of an ingest job, block by block. A chunk's last block is held back until count and
 * digest of the chunk are seen to be those of the plan, so a damaged chunk never makes a whole body.
 *
 * @throws StagingError where what is staged is not what was planned.
 */
export async function* csvBody(
  chunks: readonly ChunkRef[],
  staging: Staging,
): AsyncGenerator<Uint8Array> {
  yield HEADER
  for (const chunk of chunks) yield* chunkRows(chunk, staging)
}

async function* chunkRows(chunk: ChunkRef, staging: Staging): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let bytes = 0
  let held: Uint8Array | null = null
  for await (const ids of staging.read(chunk, chunk.chunk)) {
    hash.update(ids)
    bytes += ids.length
    if (bytes > chunk.count * ID_LENGTH) break
    if (held !== null) yield held
    held = toRows(ids)
  }
  if (bytes !== chunk.count * ID_LENGTH || hash.digest('hex') !== chunk.sha256) {
    throw new StagingError(
      `Chunk ${chunk.chunk} of request ${chunk.request}: expected the ${chunk.count} ids that were planned, ` +
        `found others (${bytes / ID_LENGTH} read). Nothing of it was sent; submit the request again.`,
    )
  }
  if (held !== null) yield held
}

/** 1 for A to Z: the bits of which the suffix is made. */
const UPPER = new Uint8Array(256).fill(1, 65, 91)

/** 15-byte ids to 19-byte rows. */
export function toRows(ids: Uint8Array): Uint8Array {
  const count = ids.length / ID_LENGTH
  const rows = new Uint8Array(count * ROW_BYTES)
  let to = 0
  for (let from = 0; from < ids.length; ) {
    const suffixAt = to + ID_LENGTH
    for (let block = 0; block < 3; block++) {
      let bits = 0
      for (let k = 0; k < 5; k++) {
        const byte = ids[from++] ?? 0
        rows[to++] = byte
        bits |= (UPPER[byte] ?? 0) << k
      }
      rows[suffixAt + block] = SUFFIX_BYTES[bits] ?? 0
    }
    to = suffixAt + 4
    rows[to - 1] = LF
  }
  return rows
}
