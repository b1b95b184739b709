import { endsWithin } from '../../shared/base/race.ts'
import { HttpError, retryAfter } from './http-error.ts'

/** A limited resource of which no caller gets all. */
interface FairShare {
  /** @throws HttpError `TOO_MANY_UPLOADS` where all of it is taken, `TOO_MANY_AT_ONCE` the caller's share */
  take(caller: string, amount: number): void
  give(caller: string, amount: number): void
  /** Holds one for as long as the work takes. Throws as `take` does, before the work begins. */
  use<T>(caller: string, work: () => Promise<T>): Promise<T>
  /** Resolves once all work in use has ended, or after a while: what is left then is stuck. */
  settle(): Promise<void>
}

interface Shared {
  readonly total: number
  /** Of one caller. */
  readonly each: number
  /** What it is, as in "32 uploads". */
  readonly unit: string
}

/** An upload whose connection is gone drops its frames, which takes milliseconds where Redis answers. */
const SETTLES_WITHIN_MS = 2_000

export function createFairShare({ total, each, unit }: Shared): FairShare {
  const held = new Map<string, number>()
  const working = new Set<Promise<unknown>>()
  let taken = 0
  const take = (caller: string, amount: number) => {
    const own = held.get(caller) ?? 0
    if (taken + amount > total) {
      const message = `${total} ${unit} come in at once already.`
      throw new HttpError('TOO_MANY_UPLOADS', message, retryAfter())
    }
    if (own + amount > each) {
      const message = `The key ${caller} has ${each} ${unit} at once already.`
      throw new HttpError('TOO_MANY_AT_ONCE', message, retryAfter())
    }
    held.set(caller, own + amount)
    taken += amount
  }
  const give = (caller: string, amount: number) => {
    const own = (held.get(caller) ?? 0) - amount
    if (own > 0) held.set(caller, own)
    else held.delete(caller)
    taken -= amount
  }
  return {
    take,
    give,
    use: async (caller, work) => {
      take(caller, 1)
      const running = work()
      working.add(running)
      try {
        return await running
      } finally {
        working.delete(running)
        give(caller, 1)
      }
    },
    settle: async () => {
      await endsWithin(Promise.allSettled(working), SETTLES_WITHIN_MS)
    },
  }
}
