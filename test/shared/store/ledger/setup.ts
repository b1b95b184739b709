import { randomUUID } from 'node:crypto'
import type { Plan, Receipt } from '../../../../src/shared/contract/receipt.ts'
import { parseRequest, toStored } from '../../../../src/shared/contract/request.ts'
import { acceptor } from '../../../../src/shared/store/intake/accept.ts'
import { bodyHash } from '../../../../src/shared/store/intake/taken.ts'
import type {
  ChunkOutcome,
  ChunkRef,
  IngestOrder,
} from '../../../../src/shared/store/ledger/chunk.ts'
import { LedgerConnection } from '../../../../src/shared/store/ledger/connection.ts'
import { type JobLock, type OrgKeys, orgKeys } from '../../../../src/shared/store/ledger/keys.ts'
import { createLedger, type Ledger } from '../../../../src/shared/store/ledger/ledger.ts'
import { connectRedis, type RedisClient } from '../../../../src/shared/store/redis/redis.ts'

/** A ledger of an org of its own, and the words to drive it with. */
export interface Bundle {
  readonly redis: RedisClient
  readonly keys: OrgKeys
  readonly connection: LedgerConnection
  /** With the verb that only intake has, without an order that goes with it. */
  readonly ledger: Ledger & { readonly accept: ReturnType<typeof acceptor> }
  /** What BullMQ does when it gives a worker a job: the token enters the job's lock. */
  grab(lock: JobLock): Promise<JobLock>
  /** What time does to the lock of a worker that no longer renews it. */
  expire(lock: JobLock): Promise<void>
  submit(id?: string): Promise<void>
  /** A request whose plan is being made. */
  planning(id: string, lot?: string): Promise<JobLock>
  /** A request whose plan is made and awaits approval. */
  parked(id: string, orders: readonly IngestOrder[]): Promise<void>
  /** A worker takes the order, and every chunk of it ends with ten ids deleted. */
  record(order: IngestOrder): Promise<void>
  /** A request whose plan is made and applied: chunks are open, their orders wait. */
  deleting(id: string, orders: readonly IngestOrder[]): Promise<JobLock>
}

interface Scope {
  after(fn: () => void): void
}

export function connect(scope: Scope, { url }: { readonly url: string }): RedisClient {
  const redis = connectRedis({ kind: 'url', url }, 'fail-fast', () => {})
  scope.after(() => redis.disconnect())
  return redis
}

export function openLedger(scope: Scope, server: { readonly url: string }): Bundle {
  return ledgerOf(connect(scope, server), randomUUID())
}

export function ledgerOf(redis: RedisClient, org: string): Bundle {
  const keys = orgKeys(org)
  const connection = new LedgerConnection(redis, keys)
  const ledger = { ...createLedger(connection, keys), accept: acceptor(connection, keys) }
  const grab = async (lock: JobLock) => {
    await redis.set(keys.lock(lock), lock.token)
    return lock
  }
  const submit = async (id = 'R1') => {
    await ledger.accept(submission({ id }))
  }
  const planning = async (id: string, lot = 'lot-1') => {
    await submit(id)
    const lock = await grab(planLock(id))
    await ledger.beginPlanning({ id, lot, lock })
    return lock
  }
  const planned = async (
    id: string,
    orders: readonly IngestOrder[],
    next: 'deleting' | 'awaiting-approval',
  ) => {
    const lock = await planning(id)
    await ledger.planned({ id, lot: 'lot-1', plan: PLAN, orders, next, lock })
    return lock
  }
  return {
    redis,
    keys,
    connection,
    ledger,
    grab,
    expire: async (lock) => {
      await redis.del(keys.lock(lock))
    },
    submit,
    planning,
    parked: async (id, orders) => {
      await planned(id, orders, 'awaiting-approval')
    },
    deleting: (id, orders) => planned(id, orders, 'deleting'),
    record: async ({ order, chunks }) => {
      const lock = await grab(orderLock(order))
      const outcomes = chunks.map((ref) => ({ ref, outcome: chunkOutcome(10) }))
      await ledger.recordOutcome({ order, outcomes, lock })
    },
  }
}

export const PLAN: Plan = {
  read: 30,
  accepted: 30,
  invalid: 0,
  duplicate: 0,
  unchecked: 0,
  chunks: 3,
  sha256: 'a'.repeat(64),
}

export function submission(fields: Readonly<Record<string, unknown>>, submittedAt = 1_000) {
  const request = toStored(
    parseRequest(
      { object: 'Contact', source: { type: 'file', path: '/ids.csv' }, ...fields },
      submittedAt,
    ),
  )
  return { request, bodyHash: bodyHash(request, null), staged: null, submittedAt }
}

export function planLock(id: string, token = 'worker-1'): JobLock {
  return { queue: 'requests', jobId: `p-${id.toLowerCase()}`, token }
}

export function orderLock(order: string, token = 'worker-1'): JobLock {
  return { queue: 'ingest-jobs', jobId: order, token }
}

export function chunkRef(request: string, chunk: number, attempt = 1): ChunkRef {
  return { request, lot: 'lot-1', chunk, attempt, count: 10, sha256: 'b'.repeat(64) }
}

export function ingestOrder(order: string, chunks: readonly ChunkRef[]): IngestOrder {
  return {
    order,
    object: 'Contact',
    operation: 'delete',
    priority: 'normal',
    chunks: [...chunks],
  }
}

/** An outcome that tells who wrote it: by the number of its deleted ids. */
export function chunkOutcome(deleted: number): ChunkOutcome {
  return {
    outcome: { deleted, alreadyGone: 0, failed: 0, unprocessed: 10 - deleted },
    failures: {},
    job: { id: '750000000000001AAA', state: 'JobComplete', records: 10, attempt: 1 },
    error: null,
  }
}

type Settlement = Parameters<Ledger['settle']>[0]

export function settlement(id: string, fields: Partial<Settlement> = {}): Settlement {
  return {
    receipt: receipt(id),
    from: ['deleting'],
    results: 'store',
    retentionSeconds: 3600,
    idempotencySeconds: 3600,
    ...fields,
  }
}

export function receipt(id: string, status: Receipt['status'] = 'completed'): Receipt {
  return {
    id,
    org: 'default',
    orgId: null,
    object: 'Contact',
    operation: 'delete',
    status,
    submittedAt: '2026-11-23T00:00:00.000Z',
    finishedAt: '2026-11-23T00:01:00.000Z',
    reason: null,
    plan: PLAN,
    outcome: { deleted: 30, alreadyGone: 0, failed: 0, unprocessed: 0 },
    failures: {},
    ingestJobs: [],
    files: [],
    submittedBy: null,
    approvedBy: null,
    cancelledBy: null,
    appliesPlanOf: null,
    preflight: null,
    labels: {},
    error: null,
  }
}
