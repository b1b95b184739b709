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

const LOOK_EVERY_MS = 200

export interface Followed {
  readonly producer: Producer
  readonly request: { readonly id: string; readonly org: string }
  /** Ends the following, with its reason. */
  readonly signal: AbortSignal
  /** Who works on it, where that is this process: if it stops by itself nobody else will. */
  readonly worker?: RunningWorker
}

/** Looks at a request until `isDone` says that it has seen enough. */
export async function follow(
  { producer, request: { id, org }, signal, worker }: Followed,
  patiently: Patiently,
  isDone: (view: RequestView) => boolean,
): Promise<RequestView> {
  for (;;) {
    signal.throwIfAborted()
    const view = await patiently(() => producer.inspect(id, { org }))
    if (view === null) throw new LostError(`Redis has no request ${id} any more.`)
    if (isDone(view)) return view
    const trouble = worker?.orgs.get(org)?.trouble
    if (trouble) throw new LostError(trouble)
    await systemClock.sleep(LOOK_EVERY_MS, signal)
  }
}

/** A request that has its receipt. */
export type EndedView = RequestView & { readonly receipt: Receipt }

export function isOver(view: RequestView): view is EndedView {
  return isTerminal(view.status) && view.receipt !== null
}

/** The same to its end. */
export async function followToReceipt(
  followed: Followed,
  patiently: Patiently,
  see: (view: RequestView) => void = () => {},
): Promise<EndedView> {
  const view = await follow(followed, patiently, (now) => {
    see(now)
    return isOver(now)
  })
  if (!isOver(view)) throw new TypeError('A request that is over has a receipt.')
  return view
}

const AGAIN_AFTER_MS = 1000

/** Does what is safe to repeat until Redis lets it: an outage of Redis ends nothing. */
export type Patiently = <T>(step: () => Promise<T>) => Promise<T>

/** What is no trouble of Redis itself is thrown on. */
export function patience(screen: Screen, signal: AbortSignal): Patiently {
  return async (step) => {
    for (let isAway = false; ; ) {
      try {
        const result = await step()
        if (isAway) screen.say('Redis is back.')
        return result
      } catch (error) {
        signal.throwIfAborted()
        if (!isOutage(error)) throw error
        if (!isAway) screen.say(`${wordsOf(error)} Waiting for it; Ctrl-C ends that.`)
        isAway = true
        await systemClock.sleep(AGAIN_AFTER_MS, signal)
      }
    }
  }
}

/** Whether it is Redis that cannot do it now; it may well do it later. */
export function isOutage(error: unknown): boolean {
  return troubleOf(error) !== null
}

function wordsOf(error: unknown): string {
  const isHere = error instanceof RedisUnavailableError && error.code !== 'REDIS_AWAY'
  return isHere ? error.message : 'Redis does not answer.'
}

/** Says why nothing moves, to somebody who looks on. */
interface PauseTeller {
  /** Looks, and returns at once. */
  look(): void
}

const PAUSE_LOOK_EVERY_MS = 1000
const NO_PAUSE: PauseState = { operator: null, fault: null }

/**
 * Tells what pauses the org, once, and that it is over. Faults that come while we look on are told
 * by the worker that meets them.
 */
export function tellPauses({ org, ledger }: OrgStore, screen: Screen): PauseTeller {
  let before: PauseState | null = null
  let lookedAt = Number.NEGATIVE_INFINITY
  const tell = (now: PauseState) => {
    const isFirst = before === null
    const known = before ?? NO_PAUSE
    before = now
    const news: PauseState = {
      operator: known.operator === null ? now.operator : null,
      fault: isFirst ? now.fault : null,
    }
    for (const sentence of pauseSentences(org, news)) {
      screen.say(`${screen.paintSay('yellow', '!')} ${sentence}`)
    }
    if (known.operator !== null && now.operator === null) screen.say('The org goes on: resumed.')
    if (known.fault !== null && now.fault === null) screen.say('The org goes on: it answers again.')
  }
  return {
    look: () => {
      if (Date.now() - lookedAt < PAUSE_LOOK_EVERY_MS) return
      lookedAt = Date.now()
      // Where Redis does not answer, whoever looks on is told by what he looks at.
      ledger.pauseState().then(tell, () => {})
    },
  }
}
