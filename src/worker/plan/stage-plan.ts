import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { ChunkRef } from '../../shared/store/ledger/chunk.ts'
import type { Lot, Staging } from '../../shared/store/staging/staging.ts'
import { ChunkStager } from '../ids/chunk-stager.ts'

interface PlanLimits {
  /** Ids of one ingest job. */
  readonly job: number
  /** Ids of the plan. */
  readonly plan: number
  /** Ids of the canary; 0: none. */
  readonly canary: number
}

/** What one ingest job carries. */
type JobChunks = readonly [ChunkRef, ...ChunkRef[]]

export interface StagedPlan {
  /** In the order of the ids. */
  readonly jobs: readonly JobChunks[]
  /** Ids of the first job where it is a canary, else 0. */
  readonly canary: number
}

/**
 * Stages the ids of a plan, in their order, as chunks that each fit one ingest job, the first of
 * them a canary where the plan is large enough.
 *
 * How large it is shows only at its end, long after its first chunk. So the ids of which the canary
 * is taken, one in a hundred of the largest plan allowed, wait in memory, 150 kB by default; those
 * of a plan that is too small for one as well. What the canary leaves of them is a chunk of its own,
 * for which the next chunk has room in its ingest job: no job is spent on it.
 */
export class PlanStager {
  readonly #staging: Staging
  readonly #lot: Lot
  readonly #limits: PlanLimits
  /** Ids that wait for the end of a large plan. */
  readonly #reserve: number
  #held: Uint8Array[] = []
  #count = 0
  /** What follows the ids held; null while the plan may be a small one. */
  #rest: ChunkStager | null = null

  constructor(staging: Staging, lot: Lot, limits: PlanLimits) {
    this.#staging = staging
    this.#lot = lot
    this.#limits = limits
    this.#reserve = Math.min(canaryOf(limits.plan, limits.canary), limits.job)
    if (this.#reserve === 0) this.#rest = this.#stager(0, limits.job)
  }

  /** Chunks that are full. */
  get chunks(): number {
    return this.#rest?.chunks ?? 0
  }

  /** Takes any number of canonical ids; resolves when there is room for more. */
  async write(ids: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#count += ids.length / ID_LENGTH
    if (this.#rest !== null) return this.#rest.write(ids, signal)
    this.#held.push(ids.slice())
    if (this.#count <= CANARY_ABOVE) return
    const held = Buffer.concat(this.#held)
    const reserved = this.#reserve * ID_LENGTH
    this.#held = [Uint8Array.from(held.subarray(0, reserved))]
    // Number 1 is kept for what the canary leaves.
    this.#rest = this.#stager(2, this.#limits.job - this.#reserve)
    await this.#rest.write(held.subarray(reserved), signal)
  }

  /** Ends the last chunk. */
  async end(signal?: AbortSignal): Promise<StagedPlan> {
    const canary = Math.min(canaryOf(this.#count, this.#limits.canary), this.#reserve)
    const head = this.#stager(0, canary)
    for (const ids of this.#held) await head.write(ids, signal)
    const rest = this.#rest === null ? [] : await this.#rest.end()
    return { jobs: this.#jobs(await head.end(), rest), canary }
  }

  #jobs(head: readonly ChunkRef[], rest: readonly ChunkRef[]): readonly JobChunks[] {
    const [canary, left] = head
    const [next, ...others] = rest
    if (canary === undefined || left === undefined || next === undefined) {
      return [...head, ...rest].map(alone)
    }
    const fits = left.count + next.count <= this.#limits.job
    const middle: readonly JobChunks[] = fits ? [[left, next]] : [[left], [next]]
    return [[canary], ...middle, ...others.map(alone)]
  }

  /** @param first ids of its first chunk; 0: as many as a job takes */
  #stager(number: number, first: number): ChunkStager {
    const { job } = this.#limits
    const limits = { first: first > 0 ? first : job, other: job }
    return new ChunkStager(this.#staging, this.#lot, limits, { first: number, attempt: 1 })
  }
}

const alone = (chunk: ChunkRef): JobChunks => [chunk]

/**
 * Plans of so many ids have none: in two of Salesforce's batches they do too little harm for another
 * ingest job, and another batch of the day's 15,000.
 */
export const CANARY_ABOVE = 20_000

const SHARE = 0.01
const SMALLEST = 500

/**
 * 1 % of a plan, 500 ids at least, and at most as many as the org allows.
 *
 * @param most of the org; 0: none
 */
export function canaryOf(accepted: number, most: number): number {
  if (accepted <= CANARY_ABOVE) return 0
  return Math.min(most, Math.max(SMALLEST, Math.ceil(accepted * SHARE)))
}
