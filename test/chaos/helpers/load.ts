import type { DeletionRequestInput } from '../../../src/producer/producer.ts'
import type { Random } from './random.ts'
import { type Mixture, type Records, recordsOf } from './records.ts'

/** What callers will ask for: requests of many sizes, all known before the first is submitted. */

export interface Errand {
  readonly records: Records
  readonly request: Omit<DeletionRequestInput, 'org'> & { readonly id: string }
  /** It is called off so long after it was submitted; null: it is not. */
  readonly cancelAfterMs: number | null
}

/** An errand is never larger, so that no two have a record in common. */
const LARGEST = 600

export function errandsOf(random: Random, count: number): readonly Errand[] {
  return Array.from({ length: count }, (_, n) => errand(random, n))
}

function errand(random: Random, n: number): Errand {
  const records = recordsOf(mixture(random, n * LARGEST))
  return {
    records,
    request: {
      id: `errand-${n}`,
      object: 'Contact',
      source: { type: 'ids', ids: [...records.rows] },
      priority: random.pick(['high', 'normal', 'normal', 'normal', 'low']),
      onInvalid: 'skip',
      maxFailureRatio: 1,
      coalesce: random.chance(0.3),
    },
    cancelAfterMs: random.chance(0.12) ? random.from(50, 4000) : null,
  }
}

function mixture(random: Random, from: number): Mixture {
  const count = random.pick([1, 7, 40, 120, 300, LARGEST])
  const some = (share: number) =>
    random.chance(0.4)
      ? Array.from({ length: count }, (_, at) => at).filter(() => random.chance(share))
      : []
  return {
    count,
    from,
    failing: some(0.05),
    gone: some(0.05),
    locked: some(0.05),
    // Their job's results are read again and again before that is believed, which takes its time.
    missing: random.chance(0.1) ? [random.from(0, count - 1)] : [],
    duplicate: random.from(0, Math.min(3, count)),
    invalid: random.from(0, 2),
  }
}
