import type { Producer, RequestView } from '../producer/producer.ts'
import { systemClock } from '../shared/base/clock.ts'
import type { Receipt } from '../shared/contract/receipt.ts'
import { isTerminal } from '../shared/contract/status.ts'
import type { RunningWorker } from '../worker/worker.ts'
import { LostError } from './cli.ts'
import type { retryOnOutage } from './outage.ts'

const POLL_MS = 200

/** What a command needs to follow a request. */
export interface Followed {
  readonly producer: Producer
  readonly request: { readonly id: string; readonly org: string }
  /** Ends the following, with its reason. */
  readonly signal: AbortSignal
  /** Repeats a step during a Redis outage, or does not. */
  readonly retry: ReturnType<typeof retryOnOutage>
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
