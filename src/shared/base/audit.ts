import type { Logger } from './logger.ts'

/** What was changed, and why, in the caller's own words. */
export interface AuditEntry {
  readonly action: 'submit' | 'refuse' | 'approve' | 'cancel'
  readonly org: string
  readonly id: string
  readonly reason: string | null
}

/**
 * The line that says who has changed what, over whichever door. Written once the change has been
 * made.
 *
 * @param by who it was, and by which door: `key`, or `door` and the job there
 */
export function writeAudit(
  log: Logger,
  { action, org, id, reason }: AuditEntry,
  by: Readonly<Record<string, unknown>>,
): void {
  log.info({ audit: action, ...by, org, request: id, reason }, WORDS[action])
}

const WORDS = {
  submit: 'Request submitted.',
  refuse: 'Request refused at the door.',
  approve: 'Request approved.',
  cancel: 'Request cancelled.',
} as const satisfies Record<AuditEntry['action'], string>
