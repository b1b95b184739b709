import { type Outcome, type Plan, totalOf } from '../contract/receipt.ts'

/** How far a deletion is, and when it ends. */

/** Records with a verdict, and those that running ingest jobs have processed so far. */
export function doneOf(
  { outcome, running }: { readonly outcome: Outcome; readonly running: number },
  { accepted }: Pick<Plan, 'accepted'>,
): number {
  return Math.min(accepted, totalOf(outcome) + running)
}

/** Before this, a few records say little about the rate of all. */
const STEADY_MS = 5_000

/** Counts are ids; times are milliseconds since the epoch, by Redis's clock. */
interface Pace {
  /** When the deletion began. */
  readonly began: number
  readonly now: number
  readonly done: number
  readonly total: number
}

/**
 * When a deletion ends at its average rate so far; null before there is one. The rate includes waits
 * for other requests and retries, so that a short standstill moves the end only a little.
 */
export function expectedEnd({ began, now, done, total }: Pace): number | null {
  const passed = now - began
  if (done === 0 || passed < STEADY_MS) return null
  return Math.round(now + ((total - done) / done) * passed)
}
