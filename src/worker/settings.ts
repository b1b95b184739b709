import type { Config, OrgConfig } from '../shared/config.ts'
import type { Logger } from '../shared/logger.ts'
import type { OrgStore } from '../shared/org-store.ts'

/**
 * Settings on which all workers of an org must agree live in Redis. The worker that starts last
 * sets them, and says what it changed: BullMQ's stalled check, for one, runs at whatever interval
 * the first worker to look has, and a longer one would hold up everybody's recovery.
 */
export async function shareSettings(
  { redis, ledger, queues }: OrgStore,
  { worker }: Config,
  { maxInFlight, urgentInFlight }: OrgConfig,
  log: Logger,
): Promise<void> {
  const ours = { maxInFlight, urgentInFlight, lockMs: worker.lockMs, stalledMs: worker.stalledMs }
  const theirs = await redis.hgetall(ledger.keys.settings)
  for (const [setting, value] of Object.entries(ours)) {
    const before = theirs[setting]
    if (before !== undefined && before !== String(value)) {
      log.warn(
        { setting, before: Number(before), now: value },
        'A setting that all workers share was changed.',
      )
    }
  }
  await redis.hset(ledger.keys.settings, ours)
  await queues['ingest-jobs'].setGlobalConcurrency(maxInFlight)
  await queues['ingest-jobs-urgent'].setGlobalConcurrency(urgentInFlight)
}
