import { HttpError, retryAfter } from './problem.ts'

/** Something of which there is only so much, and of which one caller never gets all. */
interface FairShare {
  /** @throws HttpError `TOO_MANY_UPLOADS` where all of it is taken, `TOO_MANY_AT_ONCE` the caller's share */
  take(caller: string, amount: number): void
  give(caller: string, amount: number): void
}

export interface Shared {
  readonly total: number
  /** Of one caller. */
  readonly each: number
  /** What it is, as in "32 uploads". */
  readonly unit: string
}

export function createFairShare({ total, each, unit }: Shared): FairShare {
  const held = new Map<string, number>()
  let taken = 0
  return {
    take: (caller, amount) => {
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
    },
    give: (caller, amount) => {
      const own = (held.get(caller) ?? 0) - amount
      if (own > 0) held.set(caller, own)
      else held.delete(caller)
      taken -= amount
    },
  }
}
