import { createHash } from 'node:crypto'
import { mapInSlices } from '../../shared/base/slices.ts'
import type { ReceiptError } from '../../shared/contract/receipt.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { ChunkRef } from '../../shared/store/ledger/chunk.ts'
import { type Staging, StagingError } from '../../shared/store/staging/staging.ts'
import { damagedChunk } from './delete-csv.ts'
import { IdSet } from './id-set.ts'

/**
 * The ids of small chunks that share an ingest job, about 10,000 in all: held in memory, because an
 * id that several requests ask for is sent once.
 */
export interface SharedIds {
  readonly ids: ReadonlyMap<ChunkRef, Uint8Array>
  /** Chunks whose staged ids are not the planned ones, with the reason. */
  readonly damaged: ReadonlyMap<ChunkRef, ReceiptError>
}

/** Chunks that are read at once. */
const AT_ONCE = 100

export async function readSharedIds(
  chunks: readonly ChunkRef[],
  staging: Staging,
): Promise<SharedIds> {
  const ids = new Map<ChunkRef, Uint8Array>()
  const damaged = new Map<ChunkRef, ReceiptError>()
  await mapInSlices(chunks, AT_ONCE, async (chunk) => {
    try {
      ids.set(chunk, await idsOfChunk(chunk, staging))
    } catch (error) {
      if (!(error instanceof StagingError)) throw error
      const { code, message } = error
      damaged.set(chunk, { code, message })
    }
  })
  return { ids, damaged }
}

async function idsOfChunk(chunk: ChunkRef, staging: Staging): Promise<Uint8Array> {
  const blocks: Uint8Array[] = []
  let bytes = 0
  for await (const block of staging.read(chunk, chunk.chunk)) {
    blocks.push(block)
    bytes += block.length
    if (bytes > chunk.count * ID_LENGTH) break
  }
  const ids = Buffer.concat(blocks)
  const isPlanned =
    bytes === chunk.count * ID_LENGTH &&
    createHash('sha256').update(ids).digest('hex') === chunk.sha256
  if (!isPlanned) throw damagedChunk(chunk, bytes)
  return ids
}

/** Each id once, at its first place in the order of these chunks. */
export function distinctIds(
  chunks: readonly ChunkRef[],
  { ids }: Pick<SharedIds, 'ids'>,
): Uint8Array {
  using seen = new IdSet()
  const lists = chunks.map((chunk) => ids.get(chunk) ?? new Uint8Array())
  const distinct = new Uint8Array(lists.reduce((sum, list) => sum + list.length, 0))
  let to = 0
  for (const list of lists) {
    for (let at = 0; at < list.length; at += ID_LENGTH) {
      if (!seen.add(list, at)) continue
      distinct.set(list.subarray(at, at + ID_LENGTH), to)
      to += ID_LENGTH
    }
  }
  return distinct.subarray(0, to)
}
