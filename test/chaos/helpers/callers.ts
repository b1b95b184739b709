import { setTimeout as delay } from 'node:timers/promises'
import {
  AlreadyOverError,
  type DeletionRequestInput,
  NotWaitingError,
  type RequestView,
} from '../../../src/producer/producer.ts'
import { enterBy } from './doors.ts'
import type { Errand } from './load.ts'
import type { Place } from './place.ts'
import type { Random } from './random.ts'
import { untilFine } from './wait.ts'

/** Callers, who submit until they have an answer, and of whom some change their mind. */

/** Callers at once. */
const CALLERS = 6
/** Requests under way at most: callers would not stop, but the run has to end. */
const MOST_UNDER_WAY = 150
/** Longer than any outage. */
const INSIST_FOR_MS = 3 * 60_000

/** All submit until the time is over; resolves with the errands that were accepted. */
export async function submitAll(
  errands: readonly Errand[],
  place: Place,
  until: number,
  random: Random,
): Promise<readonly Errand[]> {
  const submitted: Errand[] = []
  const later: Promise<void>[] = []
  const waiting = errands.values()
  const caller = async () => {
    for (const errand of waiting) {
      await delay(random.from(20, 400))
      while (Date.now() < until && (await place.underWay()) >= MOST_UNDER_WAY) await delay(200)
      if (Date.now() > until) return
      const request = asTold(errand, place)
      await insist(() => enterBy(errand.door, { request, errand }, place))
      submitted.push(errand)
      later.push(...changesOfMind(errand, place))
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  await Promise.all(later)
  return submitted
}

/** What is known only at the moment of submitting goes into the request. */
function asTold(errand: Errand, { org, receiver }: Place): DeletionRequestInput {
  const { deadlineAfterMs, callback, request } = errand
  return {
    ...request,
    org,
    ...(deadlineAfterMs === null
      ? {}
      : { deadline: new Date(Date.now() + deadlineAfterMs).toISOString() }),
    ...(callback ? { callbackUrl: receiver.urlFor(request.id) } : {}),
  }
}

function changesOfMind(errand: Errand, place: Place): readonly Promise<void>[] {
  const { cancelAfterMs, decision, request } = errand
  return [
    ...(cancelAfterMs === null ? [] : [cancelLater(request.id, cancelAfterMs, place)]),
    ...(decision === null ? [] : [decideLater(request.id, decision, place)]),
  ]
}

/** Waits for every receipt; resolves with the requests that still have none after `ms`. */
export async function stragglers(
  submitted: readonly Errand[],
  place: Place,
  ms: number,
): Promise<readonly string[]> {
  let open = submitted.map(({ request }) => request.id)
  return untilFine(ms, async () => {
    const views = await viewsOf(open, place)
    const isOpen = (at: number) => views[at]?.receipt === null || views[at] === null
    const complaints = open.flatMap((id, at) =>
      isOpen(at) ? [`${id} has no receipt, it is ${views[at]?.status}`] : [],
    )
    open = open.filter((_, at) => isOpen(at))
    return complaints
  })
}

async function cancelLater(id: string, afterMs: number, place: Place): Promise<void> {
  await delay(afterMs)
  await insist(() => unlessOver(place.producer.cancel(id, { org: place.org })))
}

/** An approver looks now and then whether the plan is there, and says yes or no. */
async function decideLater(
  id: string,
  decision: 'approve' | 'decline',
  place: Place,
): Promise<void> {
  const { producer, org } = place
  for (;;) {
    await delay(300)
    const view = await insist(() => producer.inspect(id, { org }))
    if (view !== null && view.receipt !== null) return
    if (view?.status !== 'awaiting-approval') continue
    const deed = decision === 'approve' ? producer.approve : producer.cancel
    return insist(() => unlessOver(deed(id, { org })))
  }
}

/** It ended, or was decided, a moment before: by a deadline, or by this call's first try. */
async function unlessOver(deed: Promise<unknown>): Promise<void> {
  try {
    await deed
  } catch (error) {
    if (!(error instanceof AlreadyOverError) && !(error instanceof NotWaitingError)) throw error
  }
}

function viewsOf(
  ids: readonly string[],
  { producer, org }: Place,
): Promise<readonly (RequestView | null)[]> {
  return insist(() => Promise.all(ids.map((id) => producer.inspect(id, { org }))))
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
