import type { GuardRails } from '../../contract/guard-rails.ts'
import type { Signature } from '../../contract/signed-act.ts'
import { type Approval, approve } from './approve.ts'
import { type Begun, beginPlanning, type JobLock } from './begin-planning.ts'
import { cancel, decline, type StopReason, stopReasons } from './cancel.ts'
import { type Saved, saveCheckpoint } from './checkpoint.ts'
import type { LedgerConnection, LedgerIdentity } from './connection.ts'
import { endUnsent } from './end-unsent.ts'
import { filed, folderRemoved, foldersDue, keepFolder, unfiled } from './filing.ts'
import type { OrgKeys } from './keys.ts'
import { follow, type Listed, type ListPosition, list } from './list.ts'
import { numberChunks } from './number-chunks.ts'
import { type StatusChange, statusChanges, statusTold } from './outbox.ts'
import { type PauseState, pause, pauseState, resume } from './pause.ts'
import {
  clearFault,
  type EnterEntry,
  type Entered,
  enterGate,
  leaveGate,
  type RaiseEntry,
  raiseFault,
} from './pause-fault.ts'
import { pinSource, type SourcePin } from './pin-source.ts'
import { type PlanEntered, type Planned, planned } from './planned.ts'
import { saveProgress } from './progress.ts'
import { changeRails, guardsOf, type OrgRails, orgRails, type RailsChange } from './rails.ts'
import { frame, ingestOrder, liveIds, load, type OrderNow, openChunks, outcomes } from './read.ts'
import type { ChunkOutcome, ChunkRef, IngestOrder, Progress, RequestRecord } from './record.ts'
import { type ChunkResult, type Recorded, recordOutcome } from './record-outcome.ts'
import { type Settlement, settle } from './settle.ts'
import { forgiveOrder, forgivePlanning, handBackOrder, handBackPlanning } from './starts.ts'
import { type Taken, takeOrder } from './take-order.ts'
import { type Tombstone, tombstone } from './tombstone.ts'

/**
 * The book of requests of one org: what was asked, planned, sent and answered. It is the truth;
 * BullMQ's jobs are only work orders. Every change is one Lua script, atomic and safe to repeat;
 * each verb has a file beside this one that says what it does. Every verb throws LedgerReplacedError
 * where the keys hold another ledger than the one that was opened.
 */
export interface Ledger {
  readonly keys: OrgKeys

  beginPlanning(entry: { id: string; lot: string; lock: JobLock }): Promise<Begun>
  handBackPlanning(entry: { id: string; lock: JobLock }): Promise<void>
  /** Whoever lost its lock and lives has not crashed. */
  forgivePlanning(id: string): Promise<void>
  planned(entry: Planned): Promise<PlanEntered>
  /** Whether a file is as the first planning attempt found it. */
  pinSource(entry: { id: string; lot: string; pin: SourcePin }): Promise<'same' | 'other' | 'stale'>
  approve(
    id: string,
    approval?: Approval,
  ): Promise<'approved' | 'not-waiting' | 'other-plan' | 'unknown'>
  decline(id: string, by?: Signature): Promise<'declined' | 'not-waiting' | 'unknown'>
  takeOrder(order: string, lock: JobLock): Promise<Taken>
  handBackOrder(order: string, lock: JobLock): Promise<void>
  /** Whoever lost its lock and lives has not crashed. */
  forgiveOrder(order: string): Promise<void>
  saveCheckpoint(entry: { order: string; checkpoint: string; lock: JobLock }): Promise<Saved>
  /** `suspect`: the job is to be aborted, for its verdicts to tell whether its request goes wrong. */
  saveProgress(entry: {
    order: IngestOrder
    progress: Progress
    lock: JobLock
  }): Promise<Saved | 'suspect'>
  recordOutcome(entry: {
    order: string
    outcomes: readonly ChunkResult[]
    lock: JobLock
  }): Promise<Recorded>
  /** Sets aside numbers for chunks that carry rows again; null where the request is gone. */
  numberChunks(entry: { id: string; count: number }): Promise<number | null>
  endUnsent(entry: {
    order: string
    outcomes: readonly { readonly ref: ChunkRef; readonly outcome: ChunkOutcome }[]
  }): Promise<'ended' | 'taken' | 'gone'>
  settle(settlement: Settlement): Promise<'settled' | 'already' | 'not-due' | 'unknown'>

  /** What there is to do in a results store, by its id: see `filing.ts`. */
  unfiled(results: string): Promise<readonly string[]>
  filed(results: string, id: string): Promise<void>
  /** A folder of the org, by its name in the store, is to go after so many seconds. */
  keepFolder(results: string, folder: string, seconds: number): Promise<void>
  foldersDue(results: string, most: number): Promise<readonly string[]>
  folderRemoved(results: string, folder: string): Promise<void>

  load(id: string): Promise<RequestRecord | null>
  /** What is left of a request that has ended, also once its record has expired. */
  tombstone(id: string): Promise<Tombstone | null>
  /** The frame that the record holds until the request is planned or over. */
  frame(id: string): Promise<Buffer | null>
  /** Newest first. */
  list(page: { offset: number; count: number }): Promise<Listed>
  /** The same from a place on, which new requests do not shift. */
  follow(page: {
    before: ListPosition | null
    count: number
  }): Promise<Listed & { readonly last: ListPosition | null }>
  liveIds(): Promise<readonly string[]>
  openChunks(id: string): Promise<ReadonlyMap<string, string>>
  outcomes(id: string): Promise<ReadonlyMap<string, ChunkOutcome>>
  ingestOrder(order: string): Promise<OrderNow | null>

  /** Asks that a request end before its time; whoever works on it reads it at the next step. */
  cancel(
    id: string,
    reason: 'cancelled' | 'deadline' | 'not-approved',
    by?: Signature,
  ): Promise<'cancelling' | 'over' | 'unknown'>
  /** Of each request why it is to end before its time, null where it is not. */
  stopReasons(ids: readonly string[]): Promise<readonly (StopReason | null)[]>

  /** An operator's wish that no new ingest job begin; with `abort` those that run are aborted. */
  pause(abort: boolean): Promise<void>
  /** Takes an operator's pause back; a fault of the org stays until a probe succeeds. */
  resume(): Promise<void>
  pauseState(): Promise<PauseState>
  raiseFault(entry: RaiseEntry): Promise<'raised' | 'stands'>
  enterGate(entry: EnterEntry): Promise<Entered>
  clearFault(since: number): Promise<'cleared' | 'kept'>
  leaveGate(by: string): Promise<void>

  /** The oldest changes of status that callers want to be told. */
  statusChanges(count: number): Promise<readonly StatusChange[]>
  statusTold(change: StatusChange): Promise<void>

  /** The org's guard rails, null where no process with a configuration has worked for it yet. */
  rails(): Promise<OrgRails | null>
  changeRails(change: RailsChange): Promise<'changed' | 'other'>
  /** What each of the requests is held to, where that is known. */
  guards(ids: readonly string[]): Promise<ReadonlyMap<string, GuardRails>>

  /**
   * What the ledger says of itself, null where it has no identity yet.
   *
   * @throws LedgerReplacedError where it is another than the one this process has opened
   */
  identity(): Promise<LedgerIdentity | null>
  /** The org id (00D…) that this ledger belongs to, null before the first login. */
  orgId(): Promise<string | null>
}

export function createLedger(connection: LedgerConnection, keys: OrgKeys): Ledger {
  const { redis } = connection
  // Both commands are under way before either answers: it costs no round trip of its own.
  const verified = async <T>(reading: Promise<T>): Promise<T> => {
    const [, found] = await Promise.all([connection.verify(), reading])
    return found
  }
  return {
    keys,
    beginPlanning: (entry) => beginPlanning(connection, keys, entry),
    handBackPlanning: (entry) => handBackPlanning(connection, keys, entry),
    forgivePlanning: (id) => forgivePlanning(connection, keys, id),
    pinSource: (entry) => pinSource(connection, keys, entry),
    planned: (entry) => planned(connection, keys, entry),
    approve: (id, approval) => approve(connection, keys, id, approval),
    decline: (id, by) => decline(connection, keys, id, by),
    takeOrder: (order, lock) => takeOrder(connection, keys, order, lock),
    handBackOrder: (order, lock) => handBackOrder(connection, keys, order, lock),
    forgiveOrder: (order) => forgiveOrder(connection, keys, order),
    saveCheckpoint: (entry) => saveCheckpoint(connection, keys, entry),
    saveProgress: (entry) => saveProgress(connection, keys, entry),
    recordOutcome: (entry) => recordOutcome(connection, keys, entry),
    numberChunks: (entry) => numberChunks(connection, keys, entry),
    endUnsent: (entry) => endUnsent(connection, keys, entry),
    settle: (settlement) => settle(connection, keys, settlement),
    unfiled: (results) => verified(unfiled(redis, keys, results)),
    filed: (results, id) => filed(connection, keys, results, id),
    keepFolder: (results, name, seconds) => keepFolder(connection, keys, results, name, seconds),
    foldersDue: (results, most) => foldersDue(connection, keys, results, most),
    folderRemoved: (results, folder) => folderRemoved(connection, keys, results, folder),
    load: (id) => verified(load(redis, keys, id)),
    tombstone: (id) => verified(tombstone(redis, keys, id)),
    frame: (id) => frame(redis, keys, id),
    list: (page) => verified(list(redis, keys, page)),
    follow: (page) => verified(follow(redis, keys, page)),
    liveIds: () => verified(liveIds(redis, keys)),
    openChunks: (id) => openChunks(redis, keys, id),
    outcomes: (id) => outcomes(redis, keys, id),
    ingestOrder: (order) => ingestOrder(redis, keys, order),
    cancel: (id, reason, by) => cancel(connection, keys, id, reason, by),
    stopReasons: (ids) => stopReasons(redis, keys, ids),
    pause: (abort) => pause(connection, keys, abort),
    resume: () => resume(connection, keys),
    pauseState: () => pauseState(redis, keys),
    raiseFault: (entry) => raiseFault(connection, keys, entry),
    enterGate: (entry) => enterGate(connection, keys, entry),
    clearFault: (since) => clearFault(connection, keys, since),
    leaveGate: (by) => leaveGate(connection, keys, by),
    statusChanges: (count) => verified(statusChanges(redis, keys, count)),
    statusTold: (change) => statusTold(connection, keys, change),
    rails: () => verified(orgRails(connection, keys)),
    changeRails: (change) => changeRails(connection, keys, change),
    guards: (ids) => verified(guardsOf(connection, keys, ids)),
    identity: () => connection.verify(),
    orgId: async () => (await connection.verify())?.orgId ?? null,
  }
}
