/**
 * When to look at a running ingest job again. Each look costs one of the org's daily API calls, so
 * the interval grows with the job's age; a short job is still seen soon after it ends.
 */

const SHORTEST_MS = 250
const LONGEST_MS = 60_000

/**
 * A quarter of the age, ± 10 % so that the jobs of many workers do not ask in step. A job of one
 * hour costs about 85 calls, one of half a second is seen within a quarter of a second.
 *
 * @param ageMs since the job was closed
 * @param random from 0 to 1
 */
export function pollInterval(ageMs: number, random: number): number {
  const jitter = 0.9 + 0.2 * random
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (ageMs / 4) * jitter))
}

/** As slow as the org's own probes: a fault that meets one job alone must not eat up its calls. */
const LONGEST_RETRY_MS = 5 * 60_000

/** How long to wait before a step is tried again after so many failures in a row. */
export function retryDelay(failures: number, random: number): number {
  const jitter = 0.9 + 0.2 * random
  return Math.min(LONGEST_RETRY_MS, 500 * 2 ** Math.min(failures, 10)) * jitter
}
