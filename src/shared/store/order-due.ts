import { chunkField, type RequestRecord } from './ledger/record.ts'
import type { OrgStore } from './org-store.ts'

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
  for (const order of dueOrders(record, open)) {
    await orders.ingest(order, record.request.priority)
  }
  const [stop = null] = await ledger.stopReasons([id])
  if (stop !== null) await orders.stop(id)
}

/**
 * While a canary is at work nothing but its own rows may be sent: those of its chunk, and where they
 * failed for a passing reason, as often as they go again. What it holds back is the rest of the plan:
 * first attempts of other chunks.
 */
function dueOrders(
  { canary }: RequestRecord,
  open: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  if (canary === 0) return new Set(open.values())
  const isOwn = (field: string) => field === CANARY || !field.endsWith(FIRST_ATTEMPT)
  return new Set([...open].filter(([field]) => isOwn(field)).map(([, order]) => order))
}

const CANARY = chunkField({ chunk: 0, attempt: 1 })
const FIRST_ATTEMPT = '.1'
