import type { DeletionRequestInput } from '../../../src/producer/producer.ts'
import type { RowRule } from '../../../src/sandbox/sandbox.ts'
import type { Random } from './random.ts'
import {
  type Mixture,
  type Records,
  recordsOf,
  SHARED,
  sharedRecords,
  sharedRules,
} from './records.ts'

/** What callers will ask for: requests of many kinds, all known before the first is submitted. */

/** How a request comes in. */
export type Door = 'library' | 'upload' | 'http' | 'bullmq'

export interface Errand {
  readonly records: Records
  /** Other requests ask for some of these records, too. */
  readonly isShared: boolean
  readonly request: Omit<DeletionRequestInput, 'org'> & { readonly id: string }
  readonly door: Door
  /** It is cancelled so long after it was submitted; null: it is not. */
  readonly cancelAfterMs: number | null
  /** What becomes of its plan, where that waits for approval. */
  readonly decision: 'approve' | 'decline' | null
  /** Its deadline is so long after it was submitted; null: it has none. */
  readonly deadlineAfterMs: number | null
  /** Every change of its status is told to the receiver of callbacks. */
  readonly callback: boolean
}

/** Above this many ids a plan sends a canary ahead. */
const WITH_CANARY = 20_500

/**
 * A caller's errands, in the order in which they are submitted. A sixth of them ask for records that
 * others ask for at about the same time, so that they meet in one ingest job; no two of the others
 * have a record in common.
 */
export function errandsOf(random: Random, count: number): readonly Errand[] {
  let from = 0
  return Array.from({ length: count }, (_, n) => {
    if (n % 6 === 3) return sharedErrand(n, random)
    const mixture = { ...mixtureOf(n, random), from }
    from += mixture.count
    return errand(n, mixture, random)
  })
}

/** What the sandbox does with the records of all these errands. */
export const rulesOf = (errands: readonly Errand[]): readonly RowRule[] => [
  ...errands.flatMap(({ records }) => records.rules),
  ...sharedRules(errands.length),
]

/** The pool moves on by one record every other errand, so that there is always something left to delete. */
function sharedErrand(n: number, random: Random): Errand {
  const half = Math.floor(n / 2)
  const records = sharedRecords(random.pick([1, 2, 5, 9]), Math.max(0, half - random.from(0, 8)))
  const { request, ...rest } = errand(n, { count: 0, from: 0 }, random)
  const source =
    rest.door === 'upload'
      ? { type: 'upload' as const }
      : { type: 'ids' as const, ids: [...records.rows] }
  return {
    ...rest,
    records,
    isShared: true,
    request: { ...request, object: SHARED.object, source, coalesce: true, priority: 'normal' },
  }
}

function errand(n: number, mixture: Mixture & { readonly count: number }, random: Random): Errand {
  const records = recordsOf(mixture)
  const isLarge = mixture.count === WITH_CANARY
  const door = isLarge ? 'upload' : random.pick(DOORS)
  const decision = random.chance(0.1) ? random.pick(DECISIONS) : null
  return {
    records,
    door,
    decision,
    isShared: false,
    cancelAfterMs: random.chance(0.1) ? random.from(50, 4000) : null,
    deadlineAfterMs: random.chance(0.05) ? random.from(500, 8000) : null,
    callback: random.chance(0.2),
    request: {
      id: `errand-${n}`,
      object: 'Contact',
      source: door === 'upload' ? { type: 'upload' } : { type: 'ids', ids: [...records.rows] },
      priority: random.pick(['high', 'normal', 'normal', 'normal', 'low']),
      onInvalid: 'skip',
      approval: decision === null ? 'auto' : 'required',
      // A tenth is tolerated where most fail: the brake has to be pulled.
      maxFailureRatio: isGoingWrong(mixture) || isLarge ? 0.1 : 1,
      coalesce: random.chance(0.3),
    },
  }
}

const DECISIONS = ['approve', 'approve', 'decline'] as const
const DOORS = ['library', 'library', 'upload', 'http', 'bullmq'] as const

/** Most are small, as erasures of persons are; a few are large enough for a canary or the brake. */
function mixtureOf(n: number, random: Random): Mixture & { readonly count: number } {
  // Twice in a hundred: each takes seconds of the window.
  if (n % 50 === 25) return largeMixture(random)
  const count = random.pick([1, 1, 3, 7, 7, 40, 120, 300, 600])
  const some = (share: number) =>
    random.chance(0.4) ? range(count).filter(() => random.chance(share)) : []
  return {
    count,
    failing: count >= 300 && random.chance(0.2) ? mostOf(count, random) : some(0.05),
    gone: some(0.05),
    locked: some(0.05),
    // Their job's results are read again and again before that is believed, which takes its time.
    missing: random.chance(0.1) ? [random.from(0, count - 1)] : [],
    duplicate: random.from(0, Math.min(3, count)),
    invalid: random.from(0, 2),
    from: 0,
  }
}

/** Half of them go wrong from the first row on, so that the canary must hold the others back. */
function largeMixture(random: Random): Mixture & { readonly count: number } {
  const failing = random.chance(0.5) ? mostOf(WITH_CANARY, random) : []
  return { count: WITH_CANARY, from: 0, failing }
}

const isGoingWrong = ({ count, failing = [] }: Mixture): boolean => failing.length > count / 3

const mostOf = (count: number, random: Random) => range(count).filter(() => random.chance(0.6))

const range = (count: number) => Array.from({ length: count }, (_, at) => at)
