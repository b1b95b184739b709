import type { Producer, RequestView } from '../producer/producer.ts'
import { systemClock } from '../shared/base/clock.ts'
import { isTerminal, type Receipt } from '../shared/contract/receipt.ts'
import type { RunningWorker } from '../worker/worker.ts'
import { LostError } from './exit.ts'
import type { Patiently } from './run/patience.ts'

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
