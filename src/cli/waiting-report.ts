import { systemClock } from '../shared/base/clock.ts'
import type { RequestView } from '../shared/store/request-view.ts'
import type { Waiting } from '../shared/store/waiting.ts'
import { duration, moment } from './render/format.ts'
import { type WaitingPlace, waitingSentences } from './render/waiting.ts'
import type { Screen } from './screen.ts'

/**
 * Reports what holds a request that is followed: each reason once, every further failed attempt of
 * a fault, and its end.
 *
 * @param isOwnWork whether this process is the worker, so that none can be missing
 */
export function waitingReporter(
  screen: Pick<Screen, 'warn' | 'say'>,
  place: WaitingPlace,
  isOwnWork: boolean,
): (view: Pick<RequestView, 'waiting' | 'status'>) => void {
  let before: ReadonlyMap<string, Waiting> = new Map()
  return ({ waiting }) => {
    const held = isOwnWork ? waiting.filter(({ reason }) => reason !== 'no-worker') : waiting
    const now = new Map(held.map((one) => [keyOf(one), one]))
    const news = held.filter((one) => !before.has(keyOf(one)))
    const reasons = new Set(held.map(({ reason }) => reason))
    const ended = [...before.values()].filter(({ reason }) => !reasons.has(reason))
    for (const one of news) {
      const text = repeatedFault(one, before) ?? waitingSentences([one], place)[0] ?? ''
      if (isUsual(one)) screen.say(text)
      else screen.warn(text)
    }
    before = now
    for (const one of ended) {
      const text = endOf(one, place)
      if (text !== null) screen.say(text)
    }
  }
}

/** Nothing is wrong, and nobody has to act. */
const isUsual = ({ reason }: Waiting): boolean => reason === 'gathering' || reason === 'places'

/** In short, a fault whose message was reported before; null for anything else. */
function repeatedFault(waiting: Waiting, before: ReadonlyMap<string, Waiting>): string | null {
  if (waiting.reason !== 'fault') return null
  const { message, since, failures, nextTryAt } = waiting
  const isKnown = [...before.values()].some(
    (one) => one.reason === 'fault' && one.since === since && one.message === message,
  )
  const next = moment(Date.parse(nextTryAt))
  return isKnown ? `Attempt ${failures} failed; next attempt at ${next}.` : null
}

/** Each failed attempt of a fault is another reason. */
function keyOf(waiting: Waiting): string {
  return waiting.reason === 'fault'
    ? `${waiting.reason} ${waiting.since} ${waiting.failures}`
    : waiting.reason
}

function endOf(waiting: Waiting, { org }: WaitingPlace): string | null {
  switch (waiting.reason) {
    case 'approval':
    case 'gathering':
    case 'places':
      return null
    case 'quota':
      return 'Enough of the daily allowance is left again.'
    case 'no-worker':
      return `A worker is running now.`
    case 'paused':
      return `Org "${org}" is resumed.`
    case 'fault': {
      const after = duration(Math.max(0, systemClock.now() - Date.parse(waiting.since)))
      return waiting.fault === 'outage'
        ? `Connected again after ${after}.`
        : `Org "${org}" is available again after ${after}.`
    }
    default:
      throw new TypeError(`Unknown reason ${JSON.stringify(waiting satisfies never)}`)
  }
}
