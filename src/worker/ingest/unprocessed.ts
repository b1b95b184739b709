import { type ChunkRef, chunkField, type IngestOrder } from '../../shared/ledger/record.ts'
import { NO_OUTCOME } from '../../shared/receipt.ts'
import { ID_LENGTH, to18 } from '../../shared/record-id.ts'
import { PART_KINDS, type ResultsStore } from '../../shared/results.ts'
import { type Staging, StagingError } from '../../shared/staging.ts'
import type { Context } from '../context.ts'
import { lineOf } from './chunk-book.ts'
import type { CollectedChunk } from './resend.ts'
import type { Refusal } from './step.ts'

/** What listing ids needs. */
export interface Lister {
  readonly org: string
  readonly staging: Staging
  readonly results: ResultsStore
}

/** Why chunks end without having been sent, or without anybody knowing what became of them. */
export interface Unprocessed {
  /** Null where the request was to end, which its receipt says anyway. */
  readonly error: Refusal | null
  /** The ingest job that took them; null where none has run. */
  readonly job: { readonly id: string; readonly state: string } | null
}

/** Every id of these chunks ends unprocessed and is listed, as far as what is staged can be read. */
export async function endUnprocessed(
  order: IngestOrder,
  why: Unprocessed,
  lister: Lister,
  ctx: Context,
): Promise<readonly CollectedChunk[]> {
  for (const ref of order.chunks) await listChunk(ref, lister, ctx)
  return unprocessed(order, why)
}

/** The same without the list, where making it is what must not be tried again. */
export function unprocessed(order: IngestOrder, { error, job }: Unprocessed): CollectedChunk[] {
  return order.chunks.map((ref) => ({
    ref,
    outcome: {
      outcome: { ...NO_OUTCOME, unprocessed: ref.count },
      failures: {},
      job: job === null ? null : lineOf(ref, job),
      error,
    },
  }))
}

/** Parts of a chunk that a collection may have left which broke off: none of its verdicts counts. */
export async function dropParts(ref: ChunkRef, { results, org }: Lister): Promise<void> {
  const folder = { org, id: ref.request }
  for (const kind of PART_KINDS) await results.partWriter(folder, kind, chunkField(ref)).commit()
}

async function listChunk(ref: ChunkRef, lister: Lister, ctx: Context): Promise<void> {
  const { results, org, staging } = lister
  const folder = { org, id: ref.request }
  // A collection that broke off may have left parts of other kinds: all ids are in this one now.
  for (const kind of PART_KINDS) {
    const part = results.partWriter(folder, kind, chunkField(ref))
    try {
      if (kind === 'unprocessed') {
        for await (const ids of staging.read(ref, ref.chunk)) {
          const text = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength).toString('latin1')
          for (let at = 0; at < text.length; at += ID_LENGTH) {
            part.write([to18(text.slice(at, at + ID_LENGTH))])
          }
          await part.drain()
        }
      }
      await part.commit()
    } catch (error) {
      if (!(error instanceof StagingError)) throw error
      ctx.log.error({ err: error, request: ref.request }, 'Unprocessed ids cannot be listed.')
    } finally {
      await part.discard()
    }
  }
}
