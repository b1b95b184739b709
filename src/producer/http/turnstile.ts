import { endsWithin } from '../../shared/shutdown.ts'
import { HttpError, retryAfter } from './problem.ts'

export interface Turnstile {
  /** @throws HttpError `TOO_MANY_UPLOADS` */
  pass<T>(work: () => Promise<T>): Promise<T>
  /** Resolves once all inside have left, or a while after: then they are stuck. */
  empty(): Promise<void>
}

/** An upload whose connection has gone drops its frames, which takes milliseconds where Redis answers. */
const LEAVE_WITHIN_MS = 2_000

/** Lets so many in at once; who comes then is asked to come again. */
export function createTurnstile(places: number): Turnstile {
  const inside = new Set<Promise<unknown>>()
  return {
    pass: async (work) => {
      if (inside.size >= places) {
        const message = `${places} uploads come in at once already.`
        throw new HttpError('TOO_MANY_UPLOADS', message, retryAfter())
      }
      const passing = work()
      inside.add(passing)
      try {
        return await passing
      } finally {
        inside.delete(passing)
      }
    },
    empty: async () => {
      await endsWithin(Promise.allSettled(inside), LEAVE_WITHIN_MS)
    },
  }
}
