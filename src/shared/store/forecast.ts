/**
 * When a daily allowance of Salesforce runs out, and when work that needs it can end. Salesforce
 * counts over the last 24 hours: what was used leaves the count a day later. Of that, our own use is
 * known by hour; the use of others is assumed to stay as it is.
 */

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS

/** Later times are not forecast. */
const HORIZON_MS = 365 * DAY_MS

export interface Spendable {
  /** What may be used now, without bookings and reserve; negative if it is overdrawn. */
  readonly free: number
  /** Our own use in the last 24 hours: start of the hour, in milliseconds → amount. */
  readonly used: ReadonlyMap<number, number>
}

interface Release {
  readonly at: number
  readonly amount: number
}

/** When at least `amount` may be used at once; null if only others' use can make room. */
export function freeAt({ free, used }: Spendable, amount: number, now: number): number | null {
  if (free >= amount) return now
  let sum = free
  for (const { at, amount: back } of releases(used, now)) {
    sum += back
    if (sum >= amount) return at
  }
  return null
}

/**
 * The earliest end of work that uses `amount` in all, as fast as the allowance permits; null if it
 * takes more than a year or if only others' use can make room.
 */
export function endsAt({ free, used }: Spendable, amount: number, now: number): number | null {
  const known = releases(used, now)
  const own: Release[] = []
  let [at, sum, left] = [now, free, amount]
  for (;;) {
    const take = Math.min(Math.max(0, sum), left)
    if (take > 0) own.push({ at: at + DAY_MS, amount: take })
    sum -= take
    left -= take
    if (left <= 0) return at
    const isOwnNext =
      (own[0]?.at ?? Number.POSITIVE_INFINITY) < (known[0]?.at ?? Number.POSITIVE_INFINITY)
    const release = (isOwnNext ? own : known).shift()
    if (release === undefined || release.at - now > HORIZON_MS) return null
    at = release.at
    sum += release.amount
  }
}

/** When nothing may be used any more if this much is used every hour; null if that lasts. */
export function runsOutAt({ free, used }: Spendable, perHour: number, now: number): number | null {
  if (free <= 0) return now
  if (perHour <= 0) return null
  let [at, sum] = [now, free]
  // After a day, what is used at this rate leaves the count as fast as it enters it.
  for (const { at: next, amount } of [...releases(used, now), { at: now + DAY_MS, amount: 0 }]) {
    const empty = at + (sum / perHour) * HOUR_MS
    if (empty <= next) return empty > now + DAY_MS ? null : empty
    sum += amount - ((next - at) / HOUR_MS) * perHour
    at = next
  }
  return null
}

/** Our use an hour, over the current hour and the one before. */
export function hourlyUse(used: ReadonlyMap<number, number>, now: number): number {
  const hour = now - (now % HOUR_MS)
  const recent = (used.get(hour) ?? 0) + (used.get(hour - HOUR_MS) ?? 0)
  return recent / (1 + (now - hour) / HOUR_MS)
}

/** What leaves the count, oldest first: an hour as a whole, when its last minute is a day old. */
function releases(used: ReadonlyMap<number, number>, now: number): Release[] {
  return [...used]
    .map(([hour, amount]) => ({ at: hour + HOUR_MS + DAY_MS, amount }))
    .filter(({ at }) => at > now)
    .sort((a, b) => a.at - b.at)
}
