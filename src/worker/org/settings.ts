import type { Logger } from '../../shared/base/logger.ts'
import type { Config, OrgConfig } from '../../shared/config/config.ts'
import { runScript, script } from '../../shared/store/ledger/script.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

const SHARE = script(
  'share-settings',
  { keys: ['settings'], args: ['...fields'] },
  `return redis.call('HSET', settings, unpack(fields))`,
)

/**
 * Settings on which all workers of an org must agree live in Redis. The worker that starts last
 * sets them, and says what it changed: BullMQ's stalled check, for one, runs at whatever interval
 * the first worker to look has, and a longer one would hold up everybody's recovery.
 */
export async function shareSettings(
  { redis, connection, ledger, queues }: OrgStore,
  config: Config,
  org: OrgConfig,
  log: Logger,
): Promise<void> {
  const ours = settingsOf(config, org)
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
  const fields = Object.entries(ours).flat()
  await runScript(connection, SHARE, { settings: ledger.keys.settings, fields })
  await queues['ingest-jobs'].setGlobalConcurrency(org.maxInFlight)
  await queues['ingest-jobs-urgent'].setGlobalConcurrency(org.urgentInFlight)
}

/** The same for whoever comes for one request alone: what no worker has set yet, and nothing else. */
export async function supplySettings(
  { redis, ledger, queues }: OrgStore,
  config: Config,
  org: OrgConfig,
): Promise<void> {
  for (const [setting, value] of Object.entries(settingsOf(config, org))) {
    await redis.hsetnx(ledger.keys.settings, setting, value)
  }
  const windows = [
    [queues['ingest-jobs'], org.maxInFlight],
    [queues['ingest-jobs-urgent'], org.urgentInFlight],
  ] as const
  for (const [queue, window] of windows) {
    if ((await queue.getGlobalConcurrency()) === null) await queue.setGlobalConcurrency(window)
  }
}

function settingsOf({ worker }: Config, { maxInFlight, urgentInFlight }: OrgConfig) {
  const { lockMs, stalledMs } = worker
  return { maxInFlight, urgentInFlight, lockMs, stalledMs }
}
