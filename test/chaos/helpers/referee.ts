import type { RefereeStats } from '../../../src/sandbox/sandbox.ts'
import { check } from './audit.ts'

/** What the sandbox must be able to say once everything has come to its end. */
export interface Verdict {
  readonly stats: RefereeStats
  /** Ids of all plans that the sandbox deleted. */
  readonly deletedAsPlanned: number
  /** Ingest jobs that may be at work at once, those of priority `high` among them. */
  readonly window: number
}

/**
 * A worker that stands still between the check of its lock and the call that it guards wakes up in
 * the middle of somebody else's work. Its call comes too late, and Salesforce refuses it: that is
 * the last line of defence, and it holds.
 */
export const isTooLate = ({ code, detail }: RefereeStats['violations'][number]): boolean =>
  code === 'ILLEGAL_TRANSITION' && /: (upload|close) while (?!Open|its)/.test(detail)

export function auditSalesforce({ stats, deletedAsPlanned, window }: Verdict): readonly string[] {
  return [
    ...stats.violations.map(({ code, detail }) => `violation ${code}: ${detail}`),
    ...check('ids deleted twice', stats.deletedTwice, 0),
    ...check('ids deleted, planned by whom it may', stats.rowsDeleted, deletedAsPlanned),
    ...stats.jobs
      .filter(isLeft)
      .map(({ id, state, rows }) => `job ${id} is left ${state}, ${rows} rows`),
    ...(stats.maxJobsUnseen <= window
      ? []
      : [`${stats.maxJobsUnseen} ingest jobs at work at once, the window is ${window}`]),
  ]
}

/** Salesforce drops a job that stays Open, and it never runs; one that has data is still a leak. */
function isLeft({ state, gone, uploadedBytes }: RefereeStats['jobs'][number]): boolean {
  switch (state) {
    case 'Open':
      return !gone && uploadedBytes > 0
    case 'UploadComplete':
    case 'InProgress':
      return !gone
    case 'JobComplete':
    case 'Failed':
    case 'Aborted':
      return false
    default:
      throw new TypeError(`Unknown state ${String(state satisfies never)}`)
  }
}
