import type { RedisClient } from '../redis/redis.ts'
import { approve } from './approve.ts'
import { cancel, decline, stopReasons } from './cancel.ts'
import type { LedgerConnection } from './connection.ts'
import { filed, folderRemoved, foldersDue, keepFolder, unfiled } from './filing.ts'
import { endUnsent, saveCheckpoint, saveProgress, takeOrder } from './ingest-order.ts'
import type { OrgKeys } from './keys.ts'
import { follow, list } from './list.ts'
import { statusChanges, statusTold } from './outbox.ts'
import { pause, pauseState, resume } from './pause.ts'
import { clearFault, enterGate, leaveGate, raiseFault } from './pause-fault.ts'
import { planned } from './planned.ts'
import { beginPlanning, pinSource } from './planning.ts'
import { changeRails, guardsOf, orgRails } from './rails.ts'
import { frame, ingestOrder, liveIds, load, openChunks, outcomes } from './read.ts'
import { numberChunks, recordOutcome } from './record-outcome.ts'
import { settle } from './settle.ts'
import { forgiveOrder, forgivePlanning, handBackOrder, handBackPlanning } from './starts.ts'
import { tombstone } from './tombstone.ts'

/**
 * The book of requests of one org: what was asked, planned, sent and answered. It is the truth;
 * BullMQ's jobs are only work orders. Every change is one Lua script, atomic and safe to repeat;
 * each verb is described where it is defined. Requests come in by `OrgStore.enter`. Every verb throws
 * LedgerReplacedError where the keys hold another ledger than the one that was opened.
 */
export type Ledger = ReturnType<typeof createLedger>

type Verb<Place, Given extends unknown[], Answer> = (
  place: Place,
  keys: OrgKeys,
  ...given: Given
) => Promise<Answer>

export function createLedger(connection: LedgerConnection, keys: OrgKeys) {
  const { redis } = connection
  /** A script, which compares the ledger's generation itself. */
  const change =
    <Given extends unknown[], Answer>(verb: Verb<LedgerConnection, Given, Answer>) =>
    (...given: Given) =>
      verb(connection, keys, ...given)
  /** Of a request that was loaded before, or compared by the script that follows. */
  const reread =
    <Given extends unknown[], Answer>(verb: Verb<RedisClient, Given, Answer>) =>
    (...given: Given) =>
      verb(redis, keys, ...given)
  /** Both commands are under way before either answers: verifying costs no round trip of its own. */
  const read =
    <Given extends unknown[], Answer>(verb: Verb<RedisClient, Given, Answer>) =>
    async (...given: Given) => {
      const [, found] = await Promise.all([connection.verify(), verb(redis, keys, ...given)])
      return found
    }
  return {
    keys,

    beginPlanning: change(beginPlanning),
    handBackPlanning: change(handBackPlanning),
    forgivePlanning: change(forgivePlanning),
    pinSource: change(pinSource),
    planned: change(planned),
    approve: change(approve),
    decline: change(decline),
    cancel: change(cancel),
    stopReasons: reread(stopReasons),

    takeOrder: change(takeOrder),
    handBackOrder: change(handBackOrder),
    forgiveOrder: change(forgiveOrder),
    saveCheckpoint: change(saveCheckpoint),
    saveProgress: change(saveProgress),
    recordOutcome: change(recordOutcome),
    numberChunks: change(numberChunks),
    endUnsent: change(endUnsent),
    settle: change(settle),

    unfiled: read(unfiled),
    filed: change(filed),
    keepFolder: change(keepFolder),
    foldersDue: change(foldersDue),
    folderRemoved: change(folderRemoved),

    load: read(load),
    tombstone: read(tombstone),
    frame: reread(frame),
    list: read(list),
    follow: read(follow),
    liveIds: read(liveIds),
    openChunks: reread(openChunks),
    outcomes: reread(outcomes),
    ingestOrder: reread(ingestOrder),

    pause: change(pause),
    resume: change(resume),
    pauseState: reread(pauseState),
    raiseFault: change(raiseFault),
    enterGate: change(enterGate),
    clearFault: change(clearFault),
    leaveGate: change(leaveGate),

    statusChanges: read(statusChanges),
    statusTold: change(statusTold),

    rails: read(orgRails),
    changeRails: change(changeRails),
    /** What each of the requests is held to, where that is known. */
    guards: read(guardsOf),

    /** What the ledger says of itself, null where it has no identity yet. */
    identity: () => connection.verify(),
    /** The org id (00D…) that this ledger belongs to, null before the first login. */
    orgId: async () => (await connection.verify())?.orgId ?? null,
  }
}
