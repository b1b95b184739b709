import { type ChunkOutcome, type ChunkRef, chunkField } from '../../shared/ledger/record.ts'
import { NO_OUTCOME, type Verdict } from '../../shared/receipt.ts'
import { ID_LENGTH, to18 } from '../../shared/record-id.ts'
import type { PartKind, ResultWriter } from '../../shared/results.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { type Staging, StagingError } from '../../shared/staging.ts'
import { IdSet } from '../id-set.ts'
import type { Collector } from './collect.ts'

/** The account of one chunk while its results are read. Ids are canonical bytes. */
export class ChunkBook implements AsyncDisposable {
  readonly ref: ChunkRef
  readonly #sent = new IdSet()
  readonly #judged = new IdSet()
  readonly #counts: Record<Verdict, number> = { ...NO_OUTCOME }
  readonly #failures = new Map<string, number>()
  readonly #parts: Readonly<Record<PartKind, ResultWriter>>
  readonly #keepDeleted: boolean

  constructor(ref: ChunkRef, { results, org, keepDeleted }: Collector) {
    const folder = { org, id: ref.request }
    const writer = (kind: PartKind) => results.partWriter(folder, kind, chunkField(ref))
    this.ref = ref
    this.#parts = {
      failed: writer('failed'),
      unprocessed: writer('unprocessed'),
      deleted: writer('deleted'),
    }
    this.#keepDeleted = keepDeleted
  }

  /** Ids that have their verdict. */
  get judged(): number {
    return this.#judged.size
  }

  /** Notes every id that was sent. @throws StagingError where they are not all there any more */
  async open(staging: Staging): Promise<void> {
    const { request, chunk, count } = this.ref
    for await (const ids of staging.read(this.ref, chunk)) {
      for (let at = 0; at < ids.length; at += ID_LENGTH) this.#sent.add(ids, at)
    }
    if (this.#sent.size === count) return
    throw new StagingError(
      `Chunk ${chunk} of request ${request}: ${count} ids were sent, but ${this.#sent.size} are staged now, ` +
        'so its results cannot be told apart. See the ingest job in Salesforce.',
    )
  }

  /** True for an id that was sent with this chunk and has no verdict yet. */
  awaits(id: Uint8Array): boolean {
    return this.#sent.has(id, 0) && !this.#judged.has(id, 0)
  }

  failed(id: Buffer, verdict: Verdict, code: string, message: string): void {
    this.#judged.add(id, 0)
    this.#counts[verdict]++
    if (verdict !== 'failed') return
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1)
    this.#parts.failed.write([to18(id.toString('latin1')), code, message])
  }

  deleted(id: Buffer): void {
    this.#judged.add(id, 0)
    this.#counts.deleted++
    if (this.#keepDeleted) this.#parts.deleted.write([to18(id.toString('latin1'))])
  }

  /** Whatever has no verdict yet gets this one; then the parts appear. */
  async close(rest: 'deleted' | 'unprocessed', staging: Staging): Promise<void> {
    const left = this.ref.count - this.#judged.size
    this.#counts[rest] += left
    if (left > 0 && (rest === 'unprocessed' || this.#keepDeleted)) {
      for await (const ids of staging.read(this.ref, this.ref.chunk)) {
        this.#listUnjudged(ids, this.#parts[rest])
        await this.drain()
      }
    }
    for (const part of Object.values(this.#parts)) await part.commit()
  }

  #listUnjudged(ids: Uint8Array, part: ResultWriter): void {
    const text = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength)
    for (let at = 0; at < ids.length; at += ID_LENGTH) {
      if (!this.#judged.has(ids, at))
        part.write([to18(text.toString('latin1', at, at + ID_LENGTH))])
    }
  }

  /** Writes out what has gathered. */
  async drain(): Promise<void> {
    for (const part of Object.values(this.#parts)) await part.drain()
  }

  outcome(job: IngestJobInfo): ChunkOutcome {
    return {
      outcome: { ...this.#counts },
      failures: Object.fromEntries(this.#failures),
      job: lineOf(this.ref, job),
      error: null,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sent.dispose()
    this.#judged.dispose()
    for (const part of Object.values(this.#parts)) await part.discard()
  }
}

/** How a receipt lists the ingest job of a chunk. */
export function lineOf(ref: ChunkRef, job: { readonly id: string; readonly state: string }) {
  return { id: job.id, state: job.state, records: ref.count, attempt: ref.attempt }
}
