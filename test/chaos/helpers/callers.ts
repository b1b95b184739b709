import { setTimeout as delay } from 'node:timers/promises'
import { AlreadyOverError, type RequestView } from '../../../src/producer/producer.ts'
import type { Errand } from './load.ts'
import type { Place } from './place.ts'
import type { Random } from './random.ts'
import { untilFine } from './wait.ts'

/** Callers, who submit until they have an answer, and of whom some change their mind. */

/** Requests under way at most: callers would not stop, but the run has to end. */
const MOST_UNDER_WAY = 25
/** Longer than any outage. */
const INSIST_FOR_MS = 3 * 60_000

/** Submits one after the other until the time is over; resolves with those that were accepted. */
export async function submitAll(
  errands: readonly Errand[],
  place: Place,
  until: number,
  random: Random,
): Promise<readonly Errand[]> {
  const submitted: Errand[] = []
  const changes: Promise<void>[] = []
  for (const errand of errands) {
    await delay(random.from(50, 800))
    while (Date.now() < until && (await underWay(submitted, place)) >= MOST_UNDER_WAY) {
      await delay(200)
    }
    if (Date.now() > until) break
    await insist(() => place.producer.submit({ ...errand.request, org: place.org }))
    submitted.push(errand)
    if (errand.cancelAfterMs !== null) changes.push(callOff(errand, errand.cancelAfterMs, place))
  }
  await Promise.all(changes)
  return submitted
}

/** Waits for every receipt; resolves with the requests that still have none after `ms`. */
export async function stragglers(
  submitted: readonly Errand[],
  place: Place,
  ms: number,
): Promise<readonly string[]> {
  return untilFine(ms, async () => {
    const views = await viewsOf(submitted, place)
    return submitted.flatMap(({ request }, at) =>
      isUnderWay(views[at] ?? null)
        ? [`${request.id} has no receipt, it is ${views[at]?.status}`]
        : [],
    )
  })
}

async function callOff({ request }: Errand, afterMs: number, place: Place): Promise<void> {
  await delay(afterMs)
  await insist(async () => {
    try {
      await place.producer.cancel(request.id, { org: place.org })
    } catch (error) {
      if (!(error instanceof AlreadyOverError)) throw error
    }
  })
}

async function underWay(submitted: readonly Errand[], place: Place): Promise<number> {
  return (await viewsOf(submitted, place)).filter(isUnderWay).length
}

const isUnderWay = (view: RequestView | null): boolean => view === null || view.receipt === null

function viewsOf(
  submitted: readonly Errand[],
  { producer, org }: Place,
): Promise<readonly (RequestView | null)[]> {
  return insist(() =>
    Promise.all(submitted.map(({ request }) => producer.inspect(request.id, { org }))),
  )
}

/** Redis may be away: a caller tries again until he has his answer. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  const until = Date.now() + INSIST_FOR_MS
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (Date.now() > until) throw error
      await delay(200)
    }
  }
}
