import { setTimeout as delay } from 'node:timers/promises'

/** The promise, or an error that says what did not happen in time. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = delay(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`Not within ${ms} ms: ${what}.`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
    late.catch(() => {})
  }
}

/** Looks until there is nothing to complain of; after `ms` the complaints stand. */
export async function untilFine(
  ms: number,
  look: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const until = Date.now() + ms
  for (;;) {
    const complaints = await look()
    if (complaints.length === 0 || Date.now() > until) return complaints
    await delay(50)
  }
}
