import { endsWithin } from './race.ts'

/**
 * Caches the result of `read` for `freshMs`. Concurrent callers share one read, and none waits longer
 * than `withinMs`.
 *
 * @returns null if the read failed or takes too long. A slow read continues; no second one is started.
 */
export function cachedRead<T>(
  read: () => Promise<T>,
  { freshMs, withinMs }: { readonly freshMs: number; readonly withinMs: number },
): () => Promise<T | null> {
  let last: { readonly value: T; readonly at: number } | null = null
  let current: Promise<T | null> | null = null
  const begin = async (): Promise<T | null> => {
    try {
      const value = await read()
      last = { value, at: performance.now() }
      return value
    } catch {
      return null
    } finally {
      current = null
    }
  }
  return async () => {
    if (last !== null && performance.now() - last.at < freshMs) return last.value
    current ??= begin()
    const reading = current
    return (await endsWithin(reading, withinMs)) ? reading : null
  }
}
