import type { Ledger } from './ledger/ledger.ts'
import { chunkField, type RequestRecord } from './ledger/record.ts'
import { BRAKE_AFTER } from './ledger/record-outcome.ts'
import type { OrgStore } from './org-store.ts'
import { totalOf } from './receipt.ts'

/**
 * Orders whatever of a request is due: its open chunks' ingest jobs, or its end. Ordering what is
 * ordered already changes nothing. The flag is read after ordering, so that whoever raises it
 * meanwhile has either seen the orders or is seen here.
 */
export async function orderDue({ ledger, orders }: OrgStore, id: string): Promise<void> {
  const record = await ledger.load(id)
  if (record?.status !== 'deleting') return
  const open = await ledger.openChunks(id)
  if (open.size === 0) return orders.settle(id)
  for (const order of await dueOrders(record, open, ledger)) {
    await orders.ingest(order, record.request.priority)
  }
  const [stop = null] = await ledger.stopReasons([id])
  if (stop !== null) await orders.stop(id)
}

/** Orders what a canary holds back, once enough is known of it. */
export async function orderHeldBack(store: OrgStore, id: string): Promise<void> {
  const record = await store.ledger.load(id)
  if (record === null || !record.canary) return
  const own = ownOfCanary(record, await store.ledger.openChunks(id))
  if (own !== null) await orderDue(store, id)
}

/**
 * While too little is known of a canary nothing but its own rows may be sent: those of its chunk, and
 * where they failed for a passing reason, as often as they go again.
 */
async function dueOrders(
  record: RequestRecord,
  open: ReadonlyMap<string, string>,
  ledger: Ledger,
): Promise<ReadonlySet<string>> {
  const own = record.canary ? ownOfCanary(record, open) : null
  if (own === null || own.length === 0) return new Set(open.values())
  const outcomes = [...(await ledger.outcomes(record.request.id)).values()]
  const verdicts = outcomes.reduce((sum, { outcome }) => sum + totalOf(outcome), 0)
  return new Set(verdicts < BRAKE_AFTER ? own : open.values())
}

/** Orders of the canary's own rows; null once another chunk of the plan has been sent. */
function ownOfCanary(
  { plan }: RequestRecord,
  open: ReadonlyMap<string, string>,
): readonly string[] | null {
  const own = new Map(open)
  for (let chunk = 1; chunk < (plan?.chunks ?? 0); chunk++) {
    if (!own.delete(chunkField({ chunk, attempt: 1 }))) return null
  }
  return [...own.values()]
}
