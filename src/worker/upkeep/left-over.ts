import { isTerminal } from '../../shared/contract/status.ts'
import { endedUnsent, lotBeside, type RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { isFuller, PLANNING_SHARE } from '../../shared/store/redis/memory.ts'
import { inspectRedis } from '../../shared/store/redis/redis.ts'
import { redisNow } from '../../shared/store/redis/server-clock.ts'
import type { StagedLot } from '../../shared/store/staging/staging.ts'

/** How long to keep frames of a lot that no record names: they may still be being staged. */
const UNCLAIMED_MS = 10 * 60_000

/** Drops the frames of a lot that nobody will read. */
export async function dropLeftOver(lot: StagedLot, store: OrgStore, now: number): Promise<void> {
  const record = await store.ledger.load(lot.request)
  if (isUnused(lot, record, now) && !(await isKept(lot, record, store))) {
    await store.staging.drop(lot)
  }
}

/**
 * Whether nobody will read these frames: they belong to a terminal request, or to a submission or
 * planning attempt that died. An unclaimed lot may belong to an id that is being submitted again
 * right now. Only the chunks of a live request know which lots of retried rows it still needs, so
 * those stay until it ends.
 */
function isUnused(lot: StagedLot, record: RequestRecord | null, now: number): boolean {
  const isClaimed =
    record !== null &&
    (record.lot === lot.lot || lotBeside(record.staged) === lot.lot || lot.lot.startsWith('r-'))
  return isClaimed ? isTerminal(record.status) : now - lot.touchedAt > UNCLAIMED_MS
}

/**
 * Whether these are the ids of a plan that can still be applied, or that a request is about to read.
 * Kept plans give way to work: while Redis is nearly full they are dropped.
 */
async function isKept(
  { lot }: StagedLot,
  record: RequestRecord | null,
  { ledger, redis }: OrgStore,
): Promise<boolean> {
  if (record === null || record.kept === null || record.lot !== lot) return false
  const { kept, appliedAs } = record
  const applying = appliedAs === null ? null : await ledger.load(appliedAs)
  if (applying !== null && !endedUnsent(applying)) {
    return applying.status === 'queued' || applying.status === 'planning'
  }
  const isDue = kept.until <= (await redisNow(redis))
  return !isDue && !isFuller(await inspectRedis(redis), PLANNING_SHARE)
}
