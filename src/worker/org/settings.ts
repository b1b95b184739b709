import type { Logger } from '../../shared/base/logger.ts'
import { type Config, type OrgConfig, railsOf } from '../../shared/config/config.ts'
import { type GuardRails, railChanges, strictest } from '../../shared/contract/guard-rails.ts'
import { runScript, script } from '../../shared/store/ledger/script.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { OnlyRequest } from './chores.ts'

/**
 * What a worker does about the settings that its org's processes share:
 *
 * - `share`: one of a fleet. It sets the windows, and may make the guard rails stricter.
 * - `apply`: nobody works beside it, so its configuration is the org's.
 * - `leave`: it works on one request among others' and changes nothing.
 */
type SharedSettings = 'share' | 'apply' | 'leave'

/**
 * Brings the settings that all processes of an org share to what this worker's configuration may make
 * of them.
 *
 * @returns the guard rails that the org has from now on
 */
export async function bringSettings(
  store: OrgStore,
  config: Config,
  org: OrgConfig,
  only: OnlyRequest | null,
  log: Logger,
): Promise<GuardRails> {
  const how = only === null ? 'share' : only.amongOthers ? 'leave' : 'apply'
  const rails = await bringRails(store, railsOf(config, org), how, log)
  if (how === 'leave') await supplySettings(store, config, org)
  else await shareSettings(store, config, org, log)
  return rails
}

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
async function shareSettings(
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
async function supplySettings(
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

/**
 * Brings a worker's guard rails to its org. Whatever is stricter than the org's takes its place, and
 * is logged; whatever is looser is refused with a warning, for only a person loosens what guards
 * other people's deletions.
 *
 * @returns the org's, as they are from now on
 */
async function bringRails(
  store: OrgStore,
  ours: GuardRails,
  how: SharedSettings,
  log: Logger,
): Promise<GuardRails> {
  for (;;) {
    const known = await store.ledger.rails()
    if (how === 'leave') return known?.rails ?? ours
    const isOurs = known === null || how === 'apply'
    const rails = isOurs ? ours : strictest(known.rails, ours)
    const changes = known === null ? [] : railChanges(known.rails, rails)
    if (known !== null && changes.length === 0) {
      warnOfLooser(rails, ours, store.org, log)
      return rails
    }
    if ((await store.ledger.changeRails({ from: known, to: rails })) === 'other') continue
    for (const { setting, before, after: now } of changes) {
      log.warn({ setting, before, now }, 'A guard rail of the org was made stricter.')
    }
    warnOfLooser(rails, ours, store.org, log)
    return rails
  }
}

function warnOfLooser(rails: GuardRails, ours: GuardRails, org: string, log: Logger): void {
  for (const { setting, before: inForce, after: here } of railChanges(rails, ours)) {
    log.warn(
      { setting, inForce, here },
      "This worker's configuration is looser than the org's guard rails, which stay in force. " +
        `To apply it: expunge policy --org ${org} --apply`,
    )
  }
}
