import { endsWithin } from '../../shared/base/race.ts'
import { createFairShare, type Shared } from './fair-share.ts'

export interface Turnstile {
  /** @throws HttpError `TOO_MANY_UPLOADS`, `TOO_MANY_AT_ONCE` */
  pass<T>(caller: string, work: () => Promise<T>): Promise<T>
  /** Resolves once all inside have left, or a while after: then they are stuck. */
  empty(): Promise<void>
}

/** An upload whose connection has gone drops its frames, which takes milliseconds where Redis answers. */
const LEAVE_WITHIN_MS = 2_000

/** Lets so many in at once; who comes then is asked to come again. */
export function createTurnstile(places: Shared): Turnstile {
  const share = createFairShare(places)
  const inside = new Set<Promise<unknown>>()
  return {
    pass: async (caller, work) => {
      share.take(caller, 1)
      const passing = work()
      inside.add(passing)
      try {
        return await passing
      } finally {
        inside.delete(passing)
        share.give(caller, 1)
      }
    },
    empty: async () => {
      await endsWithin(Promise.allSettled(inside), LEAVE_WITHIN_MS)
    },
  }
}
