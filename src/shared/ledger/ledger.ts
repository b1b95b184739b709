import type { RedisClient } from '../redis.ts'
import { type Acceptance, accept, type Submission } from './accept.ts'
import { approve } from './approve.ts'
import { beginPlanning, type JobLock } from './begin-planning.ts'
import { cancel, decline } from './cancel.ts'
import { type Saved, saveCheckpoint, saveProgress } from './checkpoint.ts'
import type { OrgKeys } from './keys.ts'
import { type Planned, planned } from './planned.ts'
import { ingestOrder, list, liveIds, load, openChunks, outcomes } from './read.ts'
import type { ChunkOutcome, ChunkRef, IngestOrder, Progress, RequestRecord } from './record.ts'
import { type Recorded, recordOutcome } from './record-outcome.ts'
import { type Settlement, settle } from './settle.ts'
import { handBackOrder, type Taken, takeOrder } from './take-order.ts'

/**
 * The book of requests of one org: what was asked, planned, sent and answered. It is the truth;
 * BullMQ's jobs are only work orders. Every change is one Lua script, atomic and safe to repeat;
 * each verb has a file beside this one that says what it does.
 */
export interface Ledger {
  readonly keys: OrgKeys

  accept(submission: Submission): Promise<Acceptance>
  beginPlanning(entry: {
    id: string
    lot: string
    lock: JobLock
  }): Promise<'begun' | 'lost' | 'not-due'>
  planned(entry: Planned): Promise<'ok' | 'stale' | 'lost'>
  approve(id: string): Promise<'approved' | 'not-waiting' | 'unknown'>
  decline(id: string): Promise<'declined' | 'not-waiting' | 'unknown'>
  takeOrder(order: string, lock: JobLock): Promise<Taken>
  handBackOrder(order: string, lock: JobLock): Promise<void>
  saveCheckpoint(entry: { order: string; checkpoint: string; lock: JobLock }): Promise<Saved>
  saveProgress(entry: { order: string; progress: Progress; lock: JobLock }): Promise<Saved>
  recordOutcome(entry: {
    order: string
    outcomes: readonly { readonly ref: ChunkRef; readonly outcome: ChunkOutcome }[]
    lock: JobLock
  }): Promise<Recorded>
  settle(settlement: Settlement): Promise<'settled' | 'already' | 'not-due' | 'unknown'>

  load(id: string): Promise<RequestRecord | null>
  list(page: { offset: number; count: number }): Promise<readonly RequestRecord[]>
  liveIds(): Promise<readonly string[]>
  openChunks(id: string): Promise<ReadonlyMap<string, string>>
  outcomes(id: string): Promise<ReadonlyMap<string, ChunkOutcome>>
  ingestOrder(order: string): Promise<{ order: IngestOrder; progress: Progress } | null>

  /** Asks that a request end before its time; whoever works on it reads it at the next step. */
  cancel(id: string): Promise<void>
  isCancelled(id: string): Promise<boolean>
  /** The org id (00D…) that this ledger belongs to, null before the first login. */
  orgId(): Promise<string | null>
}

export function createLedger(redis: RedisClient, keys: OrgKeys): Ledger {
  return {
    keys,
    accept: (submission) => accept(redis, keys, submission),
    beginPlanning: (entry) => beginPlanning(redis, keys, entry),
    planned: (entry) => planned(redis, keys, entry),
    approve: (id) => approve(redis, keys, id),
    decline: (id) => decline(redis, keys, id),
    takeOrder: (order, lock) => takeOrder(redis, keys, order, lock),
    handBackOrder: (order, lock) => handBackOrder(redis, keys, order, lock),
    saveCheckpoint: (entry) => saveCheckpoint(redis, keys, entry),
    saveProgress: (entry) => saveProgress(redis, keys, entry),
    recordOutcome: (entry) => recordOutcome(redis, keys, entry),
    settle: (settlement) => settle(redis, keys, settlement),
    load: (id) => load(redis, keys, id),
    list: (page) => list(redis, keys, page),
    liveIds: () => liveIds(redis, keys),
    openChunks: (id) => openChunks(redis, keys, id),
    outcomes: (id) => outcomes(redis, keys, id),
    ingestOrder: (order) => ingestOrder(redis, keys, order),
    cancel: (id) => cancel(redis, keys, id),
    isCancelled: async (id) => (await redis.exists(keys.cancel(id))) === 1,
    orgId: () => redis.get(keys.identity),
  }
}
