import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { ChunkRef } from '../../shared/store/ledger/chunk.ts'
import type { Lot, Staging } from '../../shared/store/staging/staging.ts'
import { ChunkStager } from '../ids/chunk-stager.ts'

interface PlanLimits {
  /** Maximum ids of one ingest job. */
  readonly job: number
  /** Maximum ids of the plan. */
  readonly plan: number
  /** Maximum ids of the canary; 0 for no canary. */
  readonly canary: number
}

/** The chunks of one ingest job. */
type JobChunks = readonly [ChunkRef, ...ChunkRef[]]

export interface StagedPlan {
  /** In the order of the ids. */
  readonly jobs: readonly JobChunks[]
  /** Ids of the first job if it is a canary, else 0. */
  readonly canary: number
}

/**
 * Stages the ids of a plan, in order, as chunks that each fit one ingest job. In a large enough
 * plan, the first chunk is a canary.
 *
 * The plan's size is known only at its end, long after its first chunk. So the ids reserved for the
 * canary, 1 % of the largest plan allowed, wait in memory (150 kB by default), as do all ids of a
 * plan that is too small for a canary. Reserved ids that the canary does not use become a chunk of
 * their own. The next chunk leaves room for them in its ingest job, so they cost no extra job.
 */
export class PlanStager {
  readonly #staging: Staging
  readonly #lot: Lot
  readonly #limits: PlanLimits
  /** Ids held until the end of a large plan. */
  readonly #reserve: number
  #held: Uint8Array[] = []
  #count = 0
  /** Stages what follows the held ids; null while the plan may be a small one. */
  #rest: ChunkStager | null = null

  constructor(staging: Staging, lot: Lot, limits: PlanLimits) {
    this.#staging = staging
    this.#lot = lot
    this.#limits = limits
    this.#reserve = Math.min(canaryOf(limits.plan, limits.canary), limits.job)
    if (this.#reserve === 0) this.#rest = this.#stager(0, limits.job)
  }

  /** Number of full chunks. */
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
    // Number 1 is reserved for the held ids that the canary does not use.
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

  /** @param first maximum ids of the first chunk; 0 for a whole job's */
  #stager(number: number, first: number): ChunkStager {
    const { job } = this.#limits
    const limits = { first: first > 0 ? first : job, other: job }
    return new ChunkStager(this.#staging, this.#lot, limits, { first: number, attempt: 1 })
  }
}

const alone = (chunk: ChunkRef): JobChunks => [chunk]

/**
 * Plans of up to this many ids get no canary. They fit two Salesforce batches, which is too little
 * risk to spend another ingest job and another of the day's 15,000 batches.
 */
const CANARY_ABOVE = 20_000

const SHARE = 0.01
const SMALLEST = 500

/**
 * 1 % of a plan, at least 500 ids and at most as many as the org allows.
 *
 * @param most the org's maximum; 0 for no canary
 */
export function canaryOf(accepted: number, most: number): number {
  if (accepted <= CANARY_ABOVE) return 0
  return Math.min(most, Math.max(SMALLEST, Math.ceil(accepted * SHARE)))
}
