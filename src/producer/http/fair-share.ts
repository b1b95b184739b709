import { endsWithin } from '../../shared/base/race.ts'
import { HttpError, retryAfter } from './http-error.ts'

/** A limited resource of which no caller gets everything. */
interface FairShare {
  /**
   * @throws HttpError `TOO_MANY_UPLOADS` if all of it is in use, `TOO_MANY_AT_ONCE` if the caller's
   *   share is
   */
  take(caller: string, amount: number): void
  give(caller: string, amount: number): void
  /** Holds one unit during the work. Throws like `take`, before the work begins. */
  use<T>(caller: string, work: () => Promise<T>): Promise<T>
  /** Resolves once all work has ended, or after a while: work still running then is stuck. */
  settle(): Promise<void>
}

interface Shared {
  readonly total: number
  /** Maximum for one caller. */
  readonly each: number
  /** Name of the unit, as in "32 uploads". */
  readonly unit: string
}

/** An upload with a lost connection drops its frames, which takes milliseconds if Redis answers. */
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
