import { type ChunkRef, chunkField, type IngestOrder } from '../../shared/ledger/record.ts'
import { NO_OUTCOME } from '../../shared/receipt.ts'
import { ID_LENGTH, to18 } from '../../shared/record-id.ts'
import { PART_KINDS } from '../../shared/results.ts'
import { StagingError } from '../../shared/staging.ts'
import type { Context } from '../context.ts'
import { lineOf } from './chunk-book.ts'
import type { CollectedChunk, Collector } from './collect.ts'
import type { Refusal } from './step.ts'

/** Why chunks end without having been sent, or without anybody knowing what became of them. */
export interface Unprocessed {
  readonly error: Refusal
  /** The ingest job that took them; null where none has run. */
  readonly job: { readonly id: string; readonly state: string } | null
}

/** Every id of these chunks ends unprocessed and is listed, as far as what is staged can be read. */
export async function endUnprocessed(
  order: IngestOrder,
  why: Unprocessed,
  collector: Collector,
  ctx: Context,
): Promise<readonly CollectedChunk[]> {
  for (const ref of order.chunks) await listChunk(ref, collector, ctx)
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

async function listChunk(ref: ChunkRef, collector: Collector, ctx: Context): Promise<void> {
  const { results, org, staging } = collector
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
