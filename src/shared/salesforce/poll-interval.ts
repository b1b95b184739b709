import { jittered } from '../base/backoff.ts'

const SHORTEST_INTERVAL_MS = 250
const LONGEST_INTERVAL_MS = 60_000

/** How much longer intervals are when no API calls are left. */
const STRETCH = 4

/**
 * When to poll a running job again. Each poll costs one of the org's daily API calls, so the
 * interval is a quarter of the job's age, ± 10 % so that the jobs of many workers do not poll in
 * step. A job of one hour costs about 85 calls; the end of a job of half a second is seen within a
 * quarter of a second.
 *
 * @param ageMs since the job was closed, or the query was created
 * @param random from 0 to 1
 * @param scarcity how short the org's API calls are, from 0 to 1: intervals are up to five times as
 *   long, which saves about three quarters of the calls
 */
export function pollInterval(ageMs: number, scarcity = 0, random = Math.random()): number {
  const interval = jittered(ageMs / 4, [0.9, 1.1], random)
  const usual = Math.min(LONGEST_INTERVAL_MS, Math.max(SHORTEST_INTERVAL_MS, interval))
  return usual * (1 + STRETCH * scarcity)
}
