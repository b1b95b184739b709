import { countedAs, NO_OUTCOME, type Verdict } from '../../shared/contract/receipt.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { ResultWriter } from '../../shared/results/csv.ts'
import type { PartKind } from '../../shared/results/results-store.ts'
import {
  type ChunkListing,
  type ChunkOutcome,
  type ChunkRef,
  chunkField,
} from '../../shared/store/ledger/chunk.ts'
import type { Staging } from '../../shared/store/staging/staging.ts'
import { commitParts, lineOf, listIds } from '../end/unprocessed.ts'
import { IdSet } from '../ids/id-set.ts'
import type { Collector } from './collector.ts'
import type { RowFailure } from './row-error.ts'

/** Takes the ids to retry, as canonical bytes, one or more at a time. */
export interface Resender {
  /** Rows that failed with a transient error. */
  failed(ids: Uint8Array): Promise<void>
  /** Rows that no result file lists. */
  unaccounted(ids: Uint8Array): Promise<void>
}

const LINE_END = Buffer.from('\n')

/**
 * Accounts for one chunk while its results are read. Ids come in 18 characters. An id is first listed
 * as failed, then given its verdict.
 */
export class ChunkBook implements AsyncDisposable {
  readonly ref: ChunkRef
  /** Ids listed as failed, including those to retry. */
  readonly #failures = new IdSet()
  readonly #successes = new IdSet()
  readonly #again = new IdSet()
  readonly #counts: Record<Verdict, number> = { ...NO_OUTCOME }
  readonly #codes = new Map<string, number>()
  /** Opened for the first row: a shared job has up to 1,000 chunks, most of which list none. */
  readonly #parts: Partial<Record<PartKind, ResultWriter>> = {}
  readonly #openPart: (kind: PartKind) => ResultWriter
  readonly #staging: Staging
  readonly #keepDeleted: boolean
  #retryCode: string | undefined
  #listed: ChunkListing | undefined

  constructor(
    ref: ChunkRef,
    { results, org, staging, keepDeleted }: Omit<Collector, 'api' | 'ledger' | 'resendMs'>,
  ) {
    const folder = { org, id: ref.request }
    this.ref = ref
    this.#openPart = (kind) => results.partWriter(folder, kind, chunkField(ref))
    this.#staging = staging
    this.#keepDeleted = keepDeleted.has(ref.request)
  }

  /** Number of ids listed in a result file. */
  get mentioned(): number {
    return this.#failures.size + this.#successes.size
  }

  /** Number of ids that failed with a transient error and are retried. */
  get passing(): number {
    return this.#again.size
  }

  /** Number of ids that no result file lists. */
  get left(): number {
    return this.ref.count - this.mentioned
  }

  /** Verdicts "deleted" if the ids that no result file lists count as deleted too. */
  get deletedIfRest(): number {
    return this.#counts.deleted + this.left
  }

  /** Lists an id as failed. False if it is listed already. */
  addFailure(id: Uint8Array): boolean {
    return this.#failures.add(id, 0)
  }

  isAmongFailures(id: Uint8Array): boolean {
    return this.#failures.has(id, 0)
  }

  isAmongSuccesses(id: Uint8Array): boolean {
    return this.#successes.has(id, 0)
  }

  failed(id: Uint8Array, { code, line }: RowFailure): void {
    this.#counts.failed++
    const name = countedAs(code, this.#codes)
    this.#codes.set(name, (this.#codes.get(name) ?? 0) + 1)
    const part = this.#part('failed')
    part.append(id, 0)
    part.append(line, 1)
  }

  /** The code of the first id that is retried. */
  get retryCode(): string | undefined {
    return this.#retryCode
  }

  /** An id that failed with a transient error. */
  goesAgain(id: Uint8Array, code: string): void {
    this.#retryCode ??= code
    this.#again.add(id, 0)
  }

  alreadyGone(): void {
    this.#counts.alreadyGone++
  }

  /** A failure that means that an earlier attempt of ours deleted the record. */
  deletedBefore(id: Uint8Array): void {
    this.#countDeleted(id)
  }

  deleted(id: Uint8Array): void {
    this.#successes.add(id, 0)
    this.#countDeleted(id)
  }

  #countDeleted(id: Uint8Array): void {
    this.#counts.deleted++
    if (!this.#keepDeleted) return
    const part = this.#part('deleted')
    part.append(id, 0)
    part.append(LINE_END, 1)
  }

  #part(kind: PartKind): ResultWriter {
    this.#parts[kind] ??= this.#openPart(kind)
    return this.#parts[kind]
  }

  /**
   * Ids that no file lists get this verdict, or are retried together with transient failures. Then
   * the parts of the result files are committed. Without a resender, transient failures are given
   * up and count as unprocessed.
   */
  async close(rest: 'deleted' | 'unprocessed' | 'again', resender: Resender | null): Promise<void> {
    const { left } = this
    if (rest !== 'again') this.#counts[rest] += left
    if (resender === null) this.#counts.unprocessed += this.#again.size
    // If deleted ids are recorded, each was recorded as it was read, so none are left.
    if (this.#again.size > 0 || (left > 0 && rest !== 'deleted')) {
      for await (const ids of this.#staging.read(this.ref, this.ref.chunk)) {
        if (this.#again.size > 0) await this.#pass(this.#pick(ids, this.#again), resender)
        if (rest === 'again') await resender?.unaccounted(this.#pickUnmentioned(ids))
        else if (rest === 'unprocessed') {
          listIds(this.#pickUnmentioned(ids), this.#part('unprocessed'))
        }
        await this.drain()
      }
    }
    this.#listed = await commitParts(this.ref, this.#parts)
  }

  async #pass(ids: Uint8Array, resender: Resender | null): Promise<void> {
    if (resender === null) listIds(ids, this.#part('unprocessed'))
    else await resender.failed(ids)
  }

  #pick(ids: Uint8Array, set: IdSet): Uint8Array {
    return pick(ids, (at) => set.has(ids, at))
  }

  #pickUnmentioned(ids: Uint8Array): Uint8Array {
    return pick(ids, (at) => !this.#failures.has(ids, at) && !this.#successes.has(ids, at))
  }

  /** Writes out the buffered rows. */
  async drain(): Promise<void> {
    for (const part of Object.values(this.#parts)) await part.drain()
  }

  /** The verdicts given; `job` is the ingest job that carried the chunk. */
  outcome(
    job: { readonly id: string; readonly state: string },
    error: ChunkOutcome['error'],
  ): ChunkOutcome {
    return {
      outcome: { ...this.#counts },
      failures: Object.fromEntries(this.#codes),
      job: lineOf(this.ref, job),
      error,
      ...(this.#listed === undefined ? {} : { listed: this.#listed }),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const set of [this.#failures, this.#successes, this.#again]) set.dispose()
    for (const part of Object.values(this.#parts)) await part.discard()
  }
}

/** The ids for which `keep` returns true, in order. */
function pick(ids: Uint8Array, keep: (at: number) => boolean): Uint8Array {
  const kept = new Uint8Array(ids.length)
  let to = 0
  for (let at = 0; at < ids.length; at += ID_LENGTH) {
    if (!keep(at)) continue
    kept.set(ids.subarray(at, at + ID_LENGTH), to)
    to += ID_LENGTH
  }
  return kept.subarray(0, to)
}
