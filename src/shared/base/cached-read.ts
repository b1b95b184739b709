import { endsWithin } from './race.ts'

/**
 * Caches what `read` gives for `freshMs`. All who ask meanwhile share one reading, and nobody waits
 * for it longer than `withinMs`.
 *
 * @returns null where it failed or is late; one that is late goes on, and no other is begun beside it
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
