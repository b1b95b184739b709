import { setTimeout as delay } from 'node:timers/promises'

const FIRST_MS = 10
const LONGEST_MS = 500
/** Below the time that a test may take, so that a poll whose test has failed does not outlive it for long. */
const GIVE_UP_MS = 240_000

/**
 * Looks until there is something. The interval grows to an eighth of the time waited so far: a short
 * wait ends within 10 ms, and a hundred waiters side by side leave the processor to what they wait
 * for. At a fixed 10 ms they took three quarters of all Redis commands of such a file.
 */
export async function poll<T>(look: () => Promise<T | null>): Promise<T> {
  const begin = performance.now()
  for (;;) {
    const found = await look()
    if (found !== null) return found
    const waited = performance.now() - begin
    if (waited > GIVE_UP_MS) throw new Error(`Nothing was found within ${GIVE_UP_MS} ms.`)
    await delay(Math.min(LONGEST_MS, Math.max(FIRST_MS, waited / 8)))
  }
}
