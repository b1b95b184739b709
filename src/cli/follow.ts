import type { Producer, RequestView } from '../producer/producer.ts'
import { systemClock } from '../shared/base/clock.ts'
import { isTerminal, type Receipt } from '../shared/contract/receipt.ts'
import type { PauseState } from '../shared/store/ledger/pause.ts'
import type { OrgStore } from '../shared/store/org-store.ts'
import { RedisUnavailableError, troubleOf } from '../shared/store/redis/trouble.ts'
import type { RunningWorker } from '../worker/worker.ts'
import { LostError } from './cli.ts'
import { pauseSentences } from './render/org.ts'
import type { Screen } from './screen.ts'

const POLL_MS = 200

/** What a command needs to follow a request. */
export interface Followed {
  readonly producer: Producer
  readonly request: { readonly id: string; readonly org: string }
  /** Ends the following, with its reason. */
  readonly signal: AbortSignal
  /** Repeats a step during a Redis outage, or does not. */
  readonly retry: Retry
  /** The worker in this process that works on it: if it stops by itself, nobody else continues. */
  readonly worker?: RunningWorker
}

/** Polls a request until `isDone`. */
export async function follow(
  { producer, request: { id, org }, signal, retry, worker }: Followed,
  isDone: (view: RequestView) => boolean,
): Promise<RequestView> {
  for (;;) {
    signal.throwIfAborted()
    const view = await retry(() => producer.inspect(id, { org }))
    if (view === null) throw new LostError(`Redis has no request ${id} any more.`)
    if (isDone(view)) return view
    const trouble = worker?.orgs.get(org)?.trouble
    if (trouble) throw new LostError(trouble)
    await systemClock.sleep(POLL_MS, signal)
  }
}

/** A request that has its receipt. */
export type EndedView = RequestView & { readonly receipt: Receipt }

export function isOver(view: RequestView): view is EndedView {
  return isTerminal(view.status) && view.receipt !== null
}

/** The same until the request has its receipt. */
export async function followToReceipt(
  followed: Followed,
  onView: (view: RequestView) => void = () => {},
): Promise<EndedView> {
  const view = await follow(followed, (now) => {
    onView(now)
    return isOver(now)
  })
  if (!isOver(view)) throw new TypeError('A request that is over has a receipt.')
  return view
}

const RETRY_MS = 1000

/** Repeats a step that is safe to repeat. */
type Retry = <T>(step: () => Promise<T>) => Promise<T>

/** Repeats a step until Redis is back, and reports the outage. Other errors are thrown. */
export function retryOnOutage(screen: Screen, signal: AbortSignal): Retry {
  return async (step) => {
    for (let isAway = false; ; ) {
      try {
        const result = await step()
        if (isAway) screen.say('Redis is back.')
        return result
      } catch (error) {
        signal.throwIfAborted()
        if (troubleOf(error) === null) throw error
        if (!isAway) screen.say(`${wordsOf(error)} Waiting for it; Ctrl-C ends that.`)
        isAway = true
        await systemClock.sleep(RETRY_MS, signal)
      }
    }
  }
}

function wordsOf(error: unknown): string {
  const isHere = error instanceof RedisUnavailableError && error.code !== 'REDIS_AWAY'
  return isHere ? error.message : 'Redis does not answer.'
}

const PAUSE_POLL_MS = 1000
const NO_PAUSE: PauseState = { operator: null, fault: null }

/**
 * Reports each pause of the org once, and its end. Faults that begin later are reported by the
 * worker that meets them. Call it often: it reads Redis once a second and returns at once.
 */
export function pauseReporter({ org, ledger }: OrgStore, screen: Screen): () => void {
  let before: PauseState | null = null
  let readAt = Number.NEGATIVE_INFINITY
  const report = (now: PauseState) => {
    const isFirst = before === null
    const known = before ?? NO_PAUSE
    before = now
    const news: PauseState = {
      operator: known.operator === null ? now.operator : null,
      fault: isFirst ? now.fault : null,
    }
    for (const sentence of pauseSentences(org, news)) screen.warn(sentence)
    if (known.operator !== null && now.operator === null) screen.say('The org goes on: resumed.')
    if (known.fault !== null && now.fault === null) screen.say('The org goes on: it answers again.')
  }
  return () => {
    if (Date.now() - readAt < PAUSE_POLL_MS) return
    readAt = Date.now()
    // An outage of Redis is reported by the code that follows the request.
    ledger.pauseState().then(report, () => {})
  }
}
