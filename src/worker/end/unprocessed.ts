import type { Context } from '../../shared/base/context.ts'
import { NO_OUTCOME, type ReceiptError } from '../../shared/contract/receipt.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { ResultWriter } from '../../shared/results/csv.ts'
import { PART_KINDS, type PartKind, type ResultsStore } from '../../shared/results/results-store.ts'
import {
  type ChunkListing,
  type ChunkRef,
  chunkField,
  type IngestOrder,
} from '../../shared/store/ledger/chunk.ts'
import type { ChunkResult } from '../../shared/store/ledger/record-outcome.ts'
import { type Staging, StagingError } from '../../shared/store/staging/staging.ts'
import { toRows } from '../ids/delete-csv.ts'

/** What is needed to list ids. */
interface Lister {
  readonly org: string
  readonly staging: Staging
  readonly results: ResultsStore
}

/** Why chunks end without having been sent, or with an unknown fate. */
interface Unprocessed {
  /** Null if the request was to end, which its receipt states anyway. */
  readonly error: ReceiptError | null
  /** The ingest job that carried them; null if none ran. */
  readonly job: { readonly id: string; readonly state: string } | null
}

/**
 * Every id of these chunks ends unprocessed and is listed, as far as the staged ids can be read.
 *
 * @param lister null if making the list must not be tried again
 */
export function endUnprocessed(
  { chunks }: Pick<IngestOrder, 'chunks'>,
  { error, job }: Unprocessed,
  lister: Lister | null,
  ctx: Context,
): Promise<readonly ChunkResult[]> {
  return endEach(new Map(chunks.map((ref) => [ref, error])), job, lister, ctx)
}

/** The same for chunks of which each has its own error. */
export async function endEach(
  errors: ReadonlyMap<ChunkRef, Unprocessed['error']>,
  job: Unprocessed['job'],
  lister: Lister | null,
  ctx: Context,
): Promise<readonly ChunkResult[]> {
  const results: ChunkResult[] = []
  for (const [ref, error] of errors) {
    const listed = lister === null ? undefined : await listChunk(ref, lister, ctx)
    const outcome = {
      outcome: { ...NO_OUTCOME, unprocessed: ref.count },
      failures: {},
      job: job === null ? null : lineOf(ref, job),
      error,
      ...(listed === undefined ? {} : { listed }),
    }
    results.push({ ref, outcome })
  }
  return results
}

/** Lists every id of a chunk as unprocessed; undefined if the staged ids cannot be read. */
export async function listChunk(
  ref: ChunkRef,
  { results, org, staging }: Lister,
  ctx: Context,
): Promise<ChunkListing | undefined> {
  const part = results.partWriter({ org, id: ref.request }, 'unprocessed', chunkField(ref))
  try {
    for await (const ids of staging.read(ref, ref.chunk)) {
      listIds(ids, part)
      await part.drain()
    }
    return await commitParts(ref, { unprocessed: part })
  } catch (error) {
    if (!(error instanceof StagingError)) throw error
    ctx.log.error({ err: error, request: ref.request }, 'The unprocessed ids cannot be listed.')
    return undefined
  } finally {
    await part.discard()
  }
}

/** Writes canonical ids to a file that has no other column. */
export function listIds(ids: Uint8Array, part: ResultWriter): void {
  if (ids.length > 0) part.append(toRows(ids), ids.length / ID_LENGTH)
}

/**
 * What a chunk's outcome records about its result rows, and what a receipt records about its ingest
 * job.
 */

/**
 * Commits the parts of a chunk. All of them are written out first, so that a full disk leaves none.
 * Undefined if no row is listed.
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
