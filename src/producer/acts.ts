import { systemClock } from '../shared/base/clock.ts'
import { isTerminal, type Receipt, type Signature } from '../shared/contract/receipt.ts'
import { type OrgStore, orderDue } from '../shared/store/org-store.ts'
import {
  AlreadyOverError,
  NotWaitingError,
  PlanChangedError,
  UnknownRequestError,
} from './errors.ts'

/** What is done to a request that is there: in the ledger first, then in orders to the workers. */

export async function approve(
  store: OrgStore,
  id: string,
  plan: string | undefined,
  by: Signature,
): Promise<void> {
  const answer = await store.ledger.approve(id, { by, plan })
  switch (answer) {
    case 'approved':
      return orderDue(store, id)
    case 'not-waiting':
      throw notWaiting(id)
    case 'other-plan':
      throw new PlanChangedError(
        `Request ${id} has another plan than the one that was to be approved. Nothing was approved. Look at its plan again.`,
      )
    case 'unknown':
      throw unknown(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

export async function decline(store: OrgStore, id: string, by: Signature): Promise<void> {
  const answer = await store.ledger.decline(id, by)
  switch (answer) {
    case 'declined':
      return store.orders.settle(id)
    case 'not-waiting':
      throw notWaiting(id)
    case 'unknown':
      throw unknown(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

export async function cancel(store: OrgStore, id: string, by: Signature): Promise<void> {
  const answer = await store.ledger.cancel(id, 'cancelled', by)
  switch (answer) {
    case 'cancelling':
      return store.orders.stop(id)
    case 'over':
      throw new AlreadyOverError(id, (await store.ledger.load(id))?.status ?? null)
    case 'unknown':
      throw unknown(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

const READ_EVERY_MS = 250

/** Resolves with the receipt once there is one. */
export async function waitFor(store: OrgStore, id: string, signal?: AbortSignal): Promise<Receipt> {
  for (;;) {
    const record = await store.ledger.load(id)
    if (record === null) throw unknown(store, id)
    if (isTerminal(record.status) && record.receipt !== null) return record.receipt
    await systemClock.sleep(READ_EVERY_MS, signal)
  }
}

function unknown({ org }: OrgStore, id: string): UnknownRequestError {
  return new UnknownRequestError(
    `Org "${org}" knows no request ${id}. See \`expunge list\` for those it knows.`,
  )
}

function notWaiting(id: string): NotWaitingError {
  return new NotWaitingError(
    `Request ${id} is not awaiting approval. See \`expunge status ${id}\`.`,
  )
}
