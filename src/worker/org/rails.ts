import type { Logger } from '../../shared/base/logger.ts'
import { type GuardRails, railChanges, strictest } from '../../shared/contract/guard-rails.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/**
 * What a worker does about the settings that its org's processes share:
 *
 * - `share`: one of a fleet. It sets the windows, and may make the guard rails stricter.
 * - `apply`: nobody works beside it, so its configuration is the org's.
 * - `leave`: it works on one request among others' and changes nothing.
 */
export type SharedSettings = 'share' | 'apply' | 'leave'

/**
 * Brings a worker's guard rails to its org. Whatever is stricter than the org's takes its place, and
 * is logged; whatever is looser is refused with a warning, for only a person loosens what guards
 * other people's deletions.
 *
 * @returns the org's, as they are from now on
 */
export async function bringRails(
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
