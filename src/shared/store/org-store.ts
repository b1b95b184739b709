import { closeEach } from '../base/shutdown.ts'
import { entrance } from './intake/enter.ts'
import { LedgerConnection } from './ledger/connection.ts'
import { orgKeys } from './ledger/keys.ts'
import { createLedger, type Ledger } from './ledger/ledger.ts'
import { openQueues, type Queues, type WorkOrders, workOrders } from './queues/queues.ts'
import type { RedisClient } from './redis/redis.ts'
import { createStaging, type Staging } from './staging/staging.ts'

/** What one org has in Redis: its ledger, its queues and what is staged beside them. */
export interface OrgStore {
  readonly org: string
  readonly redis: RedisClient
  /** Tells whether the ledger is still the one that this process has opened. */
  readonly connection: LedgerConnection
  readonly ledger: Ledger
  readonly staging: Staging
  readonly queues: Queues
  readonly orders: WorkOrders
  /** Enters a request into the ledger and orders its plan, in one step. */
  readonly enter: ReturnType<typeof entrance>
  /** Closes the queues; the connection stays with whoever opened it. */
  close(): Promise<void>
}

export function openOrgStore(
  redis: RedisClient,
  org: string,
  onError: (error: Error) => void,
): OrgStore {
  const keys = orgKeys(org)
  const connection = new LedgerConnection(redis, keys)
  const queues = openQueues(redis, keys, onError)
  return {
    org,
    redis,
    connection,
    ledger: createLedger(connection, keys),
    staging: createStaging(connection, keys),
    queues,
    orders: workOrders(queues),
    enter: entrance(connection, keys, queues.requests),
    close: () => queues.close(),
  }
}

/** The stores of all orgs that a process works with, over one connection. */
export type Stores = ReturnType<typeof openStores>

export function openStores(redis: RedisClient, onError: (error: Error) => void) {
  const stores = new Map<string, OrgStore>()
  return {
    redis,
    /** Opens the store of the org when it is first asked for. */
    of(org: string): OrgStore {
      const known = stores.get(org)
      if (known !== undefined) return known
      const opened = openOrgStore(redis, org, onError)
      stores.set(org, opened)
      return opened
    },
    opened: (): readonly OrgStore[] => [...stores.values()],
    /** Closes all queues; the connection stays with whoever opened it. */
    close: () => closeEach(stores.values(), (store) => store.close()),
  }
}
