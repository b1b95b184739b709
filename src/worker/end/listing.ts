import { PART_KINDS, type PartKind, type ResultWriter } from '../../shared/results/results.ts'
import type { ChunkListing, ChunkRef } from '../../shared/store/ledger/record.ts'

/** What a chunk's outcome says of its rows in the result files, and a receipt of its ingest job. */

/**
 * Gives the parts of a chunk their names; each is written out before, so that a full disk leaves none
 * of them. Undefined where no row is listed.
 */
export async function commitParts(
  { lot, doubt }: ChunkRef,
  parts: Readonly<Partial<Record<PartKind, ResultWriter>>>,
): Promise<ChunkListing | undefined> {
  for (const part of Object.values(parts)) await part.end()
  const listed: ChunkListing = { lot, ...(doubt ? { doubt } : {}) }
  for (const kind of PART_KINDS) {
    const file = await parts[kind]?.commit()
    if (file) listed[kind] = file
  }
  return PART_KINDS.some((kind) => kind in listed) ? listed : undefined
}

/** How a receipt lists the ingest job of a chunk. */
export function lineOf(ref: ChunkRef, job: { readonly id: string; readonly state: string }) {
  return { id: job.id, state: job.state, records: ref.count, attempt: ref.attempt }
}
