import type { Logger } from '../../shared/base/logger.ts'
import { type Config, type OrgConfig, railsOf } from '../../shared/config/config.ts'
import { type GuardRails, railChanges, strictest } from '../../shared/contract/guard-rails.ts'
import { runScript, script } from '../../shared/store/ledger/script.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { OnlyRequest } from './chores.ts'

/**
 * How a worker treats the settings that its org's processes share:
 *
 * - `share`: one of several workers. It sets the windows, and may make the guard rails stricter.
 * - `apply`: no other process works for the org, so its configuration becomes the org's.
 * - `leave`: it works on one request beside other workers and changes nothing.
 */
type SharedSettings = 'share' | 'apply' | 'leave'

/**
 * Applies this worker's configuration to the settings that all processes of an org share, as far as
 * it may.
 *
 * @returns the org's guard rails from now on
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
 * Settings on which all workers of an org must agree are stored in Redis. The worker that starts
 * last sets them and logs what it changed. For example, BullMQ's stalled check runs at the interval
 * of whichever worker checks first, so a longer interval would delay recovery for all.
 */
async function shareSettings(
  { redis, connection, ledger, queues }: OrgStore,
  config: Config,
  org: OrgConfig,
  log: Logger,
): Promise<void> {
  const ours = { ...settingsOf(config, org), ...coalescing(config) }
  const theirs = await redis.hgetall(ledger.keys.settings)
  for (const [setting, value] of Object.entries(ours)) {
    const before = theirs[setting]
    if (before !== undefined && before !== String(value)) {
      log.warn(
        { setting, before: Number(before), now: value },
        'A setting shared by all workers was changed.',
      )
    }
  }
  const fields = Object.entries(ours).flat()
  await runScript(connection, SHARE, { settings: ledger.keys.settings, fields })
  for (const [queue, window] of windowsOf(await queues(), org)) {
    await queue.setGlobalConcurrency(window)
  }
}

/** The same for a process that works on one request: sets only what no worker has set yet. */
async function supplySettings(
  { redis, ledger, queues }: OrgStore,
  config: Config,
  org: OrgConfig,
): Promise<void> {
  for (const [setting, value] of Object.entries(settingsOf(config, org))) {
    await redis.hsetnx(ledger.keys.settings, setting, value)
  }
  for (const [queue, window] of windowsOf(await queues(), org)) {
    if ((await queue.getGlobalConcurrency()) === null) await queue.setGlobalConcurrency(window)
  }
}

function windowsOf(queues: Awaited<ReturnType<OrgStore['queues']>>, org: OrgConfig) {
  return [
    [queues['ingest-jobs'], org.maxInFlight],
    [queues['ingest-jobs-urgent'], org.urgentInFlight],
  ] as const
}

function settingsOf({ worker }: Config, { maxInFlight, urgentInFlight, quotaReserve }: OrgConfig) {
  const { lockMs, stalledMs } = worker
  const { calls: reservedCalls, batches: reservedBatches } = quotaReserve
  return { maxInFlight, urgentInFlight, lockMs, stalledMs, reservedCalls, reservedBatches }
}

/** Set by workers alone: orders gather as soon as these are known, and only workers send them. */
function coalescing({ coalesce }: Config) {
  return {
    coalesceBelow: coalesce.below,
    coalesceFill: coalesce.fill,
    coalesceWaitMs: coalesce.waitMs,
    coalesceHighWaitMs: coalesce.highWaitMs,
  }
}

/**
 * Merges a worker's guard rails with its org's. A stricter value replaces the org's and is logged.
 * A looser value is refused with a warning, because only a person may loosen the limits for other
 * people's deletions.
 *
 * @returns the org's guard rails from now on
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
