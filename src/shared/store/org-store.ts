import { closeEach } from '../base/shutdown.ts'
import { bookingVerbs } from './booking.ts'
import { entrance } from './intake/enter.ts'
import { chunkField, type IngestOrder, rowsOf } from './ledger/chunk.ts'
import { LedgerConnection } from './ledger/connection.ts'
import { orgKeys } from './ledger/keys.ts'
import { createLedger, type Ledger } from './ledger/ledger.ts'
import type { RequestRecord } from './ledger/record.ts'
import { openQueues, workOrders } from './queues/queues.ts'
import type { RedisClient } from './redis/redis.ts'
import { createStaging, type Staging } from './staging/staging.ts'

/** What one org has in Redis: its ledger, its queues and its staged bytes. */
export interface OrgStore {
  readonly org: string
  readonly redis: RedisClient
  /** Checks that the ledger is still the one that this process opened. */
  readonly connection: LedgerConnection
  readonly ledger: Ledger
  readonly staging: Staging
  /** Opens the queues on first use. */
  readonly queues: () => ReturnType<typeof openQueues>
  readonly orders: ReturnType<typeof workOrders>
  /** Books what ingest jobs take of the org's daily allowances. */
  readonly bookings: ReturnType<typeof bookingVerbs>
  /** Enters a request into the ledger and orders its plan, in one step. */
  readonly enter: ReturnType<typeof entrance>
  /** Closes the queues; the caller closes the connection. */
  close(): Promise<void>
}

export function openOrgStore(
  redis: RedisClient,
  org: string,
  onError: (error: Error) => void,
): OrgStore {
  const keys = orgKeys(org)
  const connection = new LedgerConnection(redis, keys)
  let opened: ReturnType<typeof openQueues> | undefined
  const queues = () => (opened ??= openQueues(redis, keys, onError))
  const ledger = createLedger(connection, keys)
  return {
    org,
    redis,
    connection,
    ledger,
    staging: createStaging(connection, keys),
    queues,
    orders: workOrders(queues, ledger),
    bookings: bookingVerbs(connection, keys),
    enter: entrance(connection, keys, async () => (await queues()).requests),
    close: async () => (await opened)?.close(),
  }
}

/** The stores of all orgs that a process works with, over one connection. */
export function openStores(redis: RedisClient, onError: (error: Error) => void) {
  const stores = new Map<string, OrgStore>()
  return {
    redis,
    /** Opens the store of the org on first use. */
    of(org: string): OrgStore {
      const known = stores.get(org)
      if (known !== undefined) return known
      const opened = openOrgStore(redis, org, onError)
      stores.set(org, opened)
      return opened
    },
    opened: (): readonly OrgStore[] => [...stores.values()],
    /** Closes all queues; the caller closes the connection. */
    close: () => closeEach(stores.values(), (store) => store.close()),
  }
}

/**
 * Orders whatever is due for a request: its open chunks' ingest jobs, or its end. A small request
 * first waits for others to share a job with, and a worker orders that. Ordering twice has no
 * effect. The stop flag is read after ordering: if it is raised meanwhile, either its raiser sees
 * the orders, or it is seen here.
 */
export async function orderDue(store: OrgStore, id: string): Promise<void> {
  const { ledger, orders } = store
  const record = await ledger.load(id)
  if (record?.status !== 'deleting') return
  const open = await ledger.openChunks(id)
  if (open.size === 0) return orders.settle(id)
  const alone: string[] = []
  for (const order of dueOrders(record, open)) {
    // No retry of a request has more ids than its plan.
    const entry = { order, count: record.plan?.accepted ?? 0 }
    if (!(await joins(entry, record, store))) alone.push(order)
  }
  await orders.ingestInTurn(await ledger.lineUp(id, alone))
  const [stop = null] = await ledger.stopReasons([id])
  if (stop !== null) await orders.stop(id)
}

/** Orders an ingest job for rows that are retried, after a delay. A small one waits for others. */
export async function orderRetry(
  store: OrgStore,
  order: IngestOrder,
  delayMs?: number,
): Promise<void> {
  const [{ request = '' } = {}] = order.chunks
  const record = await store.ledger.load(request)
  const entry = { order: order.order, count: rowsOf(order), ...(delayMs && { delayMs }) }
  if (record !== null && (await joins(entry, record, store))) return
  await store.orders.ingest(order.order, order.priority, delayMs)
}

/**
 * Whether an order waits in its gather set, or has departed from there in an order of another name.
 * The whole request has to be one small chunk.
 */
async function joins(
  entry: Parameters<OrgStore['ledger']['joinGather']>[1],
  { request, plan, canary }: RequestRecord,
  { ledger }: OrgStore,
): Promise<boolean> {
  if (!request.coalesce || plan?.chunks !== 1 || canary > 0) return false
  const answer = await ledger.joinGather(request, { ...entry, deadline: request.deadline })
  return answer === 'gathering' || answer === 'gone'
}

/**
 * While a canary runs, only its own rows may be sent: those of its chunk, and their retries after
 * transient errors. It holds back the rest of the plan: first attempts of other chunks.
 */
function dueOrders(
  { canary }: RequestRecord,
  open: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  if (canary === 0) return new Set(open.values())
  const isOwn = (field: string) => field === FIRST_CHUNK || !field.endsWith(FIRST_ATTEMPT)
  return new Set([...open].filter(([field]) => isOwn(field)).map(([, order]) => order))
}

/** A plan's first chunk, which is the canary of a large plan. */
const FIRST_CHUNK = chunkField({ chunk: 0, attempt: 1 })
const FIRST_ATTEMPT = '.1'
