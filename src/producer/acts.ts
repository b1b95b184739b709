import { systemClock } from '../shared/base/clock.ts'
import { ExpungeError } from '../shared/base/errors.ts'
import type { Receipt, Signature } from '../shared/contract/receipt.ts'
import type { Priority } from '../shared/contract/request.ts'
import { isTerminal, type Status } from '../shared/contract/status.ts'
import { applyPlan, PlanChangedError } from '../shared/store/intake/apply.ts'
import type { RequestRecord } from '../shared/store/ledger/record.ts'
import { type OrgStore, orderDue } from '../shared/store/org-store.ts'

/** Actions on the existing requests of an org: first in the ledger, then as orders to the workers. */
export const actsOn = (store: OrgStore) => ({
  /** Approves a parked plan, or applies the kept plan of a dry run. Returns the request that goes on. */
  approve: (id: string, approval: Approval) => approve(store, id, approval),
  decline: (id: string, by: Signature) => decline(store, id, by),
  cancel: (id: string, by: Signature) => cancel(store, id, by),
  setPriority: (id: string, priority: Priority, by: Signature) =>
    setPriority(store, id, priority, by),
  /** Resolves with the receipt once there is one. */
  wait: (id: string, signal?: AbortSignal) => waitFor(store, id, signal),
})

/** What is approved, and how. */
interface Approval {
  /** Digest of the plan that was reviewed; no other is approved. */
  readonly plan?: string | undefined
  /** Id of the request that applies the plan of a dry run. */
  readonly as?: string | undefined
  readonly by: Signature
  readonly now: number
}

async function approve(
  store: OrgStore,
  id: string,
  { plan, as, by, now }: Approval,
): Promise<{ readonly id: string }> {
  const answer = await store.ledger.approve(id, { by, plan })
  switch (answer) {
    case 'approved':
      await orderDue(store, id)
      return { id }
    case 'not-waiting': {
      const record = await store.ledger.load(id)
      if (record?.status !== 'planned') throw notWaiting(id)
      const applied = await applyPlan(store, record, now, { as, plan, by })
      return { id: applied.record.request.id }
    }
    case 'other-plan':
      throw new PlanChangedError(id)
    case 'unknown':
      throw unknownRequest(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

async function decline(store: OrgStore, id: string, by: Signature): Promise<void> {
  const answer = await store.ledger.decline(id, by)
  switch (answer) {
    case 'declined':
      return store.orders.settle(id)
    case 'not-waiting':
      throw notWaiting(id)
    case 'unknown':
      throw unknownRequest(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

async function cancel(store: OrgStore, id: string, by: Signature): Promise<void> {
  const answer = await store.ledger.cancel(id, 'cancelled', by)
  switch (answer) {
    case 'cancelling':
      return store.orders.stop(id)
    case 'over':
      throw new AlreadyOverError(id, (await store.ledger.load(id))?.status ?? null)
    case 'unknown':
      throw unknownRequest(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

/**
 * Changes the priority of a request that waits or runs. Ingest jobs that run keep their place. The
 * orders are looked at once more after they were moved, because a plan may have ended meanwhile.
 */
async function setPriority(
  store: OrgStore,
  id: string,
  priority: Priority,
  by: Signature,
): Promise<void> {
  const { ledger, orders } = store
  const before = await ledger.load(id)
  const answer = await ledger.changePriority(id, priority, by)
  switch (answer.kind) {
    case 'set':
      await leaveGather(store, before)
      for (const { from, to } of answer.moved) await orders.moveIngest(to, from)
      await orders.movePlan(id, priority)
      await orderDue(store, id)
      for (const order of answer.recalled) await orders.recall(order, priority)
      return
    case 'over':
      throw new AlreadyOverError(id, before?.status ?? null, 'its priority cannot be changed')
    case 'unknown':
      throw unknownRequest(store, id)
    default:
      throw new TypeError(`Unknown answer ${JSON.stringify(answer satisfies never)}`)
  }
}

/** A small order that gathers with others of its former priority joins those of the new one. */
async function leaveGather({ ledger }: OrgStore, before: RequestRecord | null): Promise<void> {
  if (before === null) return
  const { request, plan } = before
  if (!request.coalesce || plan?.chunks !== 1) return
  const names = new Set((await ledger.openChunks(request.id)).values())
  for (const name of names) await ledger.leaveGather(request, name)
}

const READ_EVERY_MS = 250

async function waitFor(store: OrgStore, id: string, signal?: AbortSignal): Promise<Receipt> {
  for (;;) {
    const record = await store.ledger.load(id)
    if (record === null) throw unknownRequest(store, id)
    if (isTerminal(record.status) && record.receipt !== null) return record.receipt
    await systemClock.sleep(READ_EVERY_MS, signal)
  }
}

export function unknownRequest({ org }: OrgStore, id: string): UnknownRequestError {
  return new UnknownRequestError(
    `Org "${org}" knows no request ${id}. See \`expunge list\` for those it knows.`,
  )
}

function notWaiting(id: string): NotWaitingError {
  return new NotWaitingError(
    `Request ${id} is not awaiting approval. See \`expunge status ${id}\`.`,
  )
}

/** The org has no request with this id, or no longer has it. */
export class UnknownRequestError extends ExpungeError {
  readonly code = 'UNKNOWN_REQUEST'
}

/** The request is past the point where this is possible. */
export class NotWaitingError extends ExpungeError {
  readonly code = 'NOT_AWAITING_APPROVAL'
}

/** The request has its receipt: there is nothing left to cancel or to put first. */
export class AlreadyOverError extends ExpungeError {
  readonly code = 'ALREADY_OVER'
  /** Null if the record has just expired. */
  readonly status: Status | null

  constructor(id: string, status: Status | null, vain = 'there is nothing left to cancel') {
    super(`Request ${id} is over (${status ?? 'expired'}): ${vain}.`)
    this.status = status
  }
}
