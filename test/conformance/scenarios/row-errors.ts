import { id18 } from '../../helpers/ids.ts'
import { failedRows } from '../bodies.ts'
import type { JobScenario } from '../scenario.ts'
import { oneFailed } from './result-files.ts'

function fails(title: string, error: string, code: string): JobScenario {
  const outcome = { deleted: 2, failed: 1 }
  return oneFailed(
    title,
    { body: failedRows([id18(1), error]) },
    { outcome, failures: { [code]: 1 } },
  )
}

function goesAgain(title: string, error: string): JobScenario {
  return oneFailed(
    title,
    { body: failedRows([id18(1), error]) },
    { outcome: { deleted: 2 }, again: 1 },
  )
}

export const ROW_ERRORS: readonly JobScenario[] = [
  oneFailed(
    'ENTITY_IS_DELETED is already gone',
    { body: failedRows([id18(1), 'ENTITY_IS_DELETED:entity is deleted:--']) },
    { outcome: { deleted: 2, alreadyGone: 1 } },
  ),
  goesAgain(
    'UNABLE_TO_LOCK_ROW with its 200 records goes again',
    `UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 200 records: ${id18(7)},${id18(8)}:--`,
  ),
  goesAgain(
    'a lock inside the error of a trigger goes again',
    'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:AccountTrigger: execution of BeforeDelete caused by: ' +
      'System.DmlException: Update failed. First exception on row 0; first error: ' +
      'UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record: []:--',
  ),
  goesAgain(
    'SERVER_UNAVAILABLE goes again',
    'SERVER_UNAVAILABLE:server temporarily unavailable:--',
  ),
  fails(
    'INVALID_CROSS_REFERENCE_KEY is permanent',
    'INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--',
    'INVALID_CROSS_REFERENCE_KEY',
  ),
  fails(
    'DELETE_FAILED with colons in its text is permanent',
    'DELETE_FAILED:Your attempt to delete Jane could not be completed because it is associated ' +
      'with the following cases.: 00001026:--',
    'DELETE_FAILED',
  ),
  fails(
    'MALFORMED_ID of the older text is permanent',
    'MALFORMED_ID:bad id 003:--',
    'MALFORMED_ID',
  ),
  goesAgain(
    "TooManyLockFailure, a job's code in a row, goes again",
    'TooManyLockFailure:Too many lock failure 200 on records. Trigger locks: 3 record locks: 197:--',
  ),
  goesAgain('the same in other letters goes again', 'too_many_lock_failure:too many locks:--'),
  goesAgain('the same in words goes again', 'Too many lock failure 200: retry the rows'),
  goesAgain(
    'a lock without its code goes again',
    'System.DmlException: Delete failed. First exception on row 0: Unable to obtain exclusive access:--',
  ),
  goesAgain('server_unavailable goes again', 'server_unavailable:try later:--'),
  oneFailed(
    'EntityIsDeleted is already gone',
    { body: failedRows([id18(1), 'EntityIsDeleted:entity is deleted:--']) },
    { outcome: { deleted: 2, alreadyGone: 1 } },
  ),
  fails(
    'a known code in the middle of a text counts as that code',
    `System.DmlException: Delete failed. First exception on row 0 with id ${id18(7)}; first error: FIELD_INTEGRITY_EXCEPTION, in use: []`,
    'FIELD_INTEGRITY_EXCEPTION',
  ),
  fails(
    'that another record is deleted does not make this one gone',
    `System.DmlException: first error: ENTITY_IS_DELETED, entity is deleted: ${id18(7)}`,
    'UNKNOWN_ERROR',
  ),
  fails(
    'a code of a later release in mixed case keeps its own name',
    'RetentionHold:on hold:--',
    'RetentionHold',
  ),
  fails(
    'a code as long as a text is cut',
    `${'VERY_LONG_'.repeat(10)}CODE:no:--`,
    'VERY_LONG_'.repeat(7).slice(0, 64),
  ),
  fails(
    'prose without a code is an unknown error',
    'Jane Doe may not go: ask her',
    'UNKNOWN_ERROR',
  ),
  fails(
    'a code of a later release keeps its own name',
    'RETENTION_HOLD:on hold:--',
    'RETENTION_HOLD',
  ),
]
