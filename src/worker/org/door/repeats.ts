import type { Job } from 'bullmq'
import { RefusedError } from '../../../shared/base/errors.ts'

/** `<name>:<id>:<end>:<time zone>:<interval>`, as BullMQ up to 5.0 called what repeats. */
const OLD_KEY_PARTS = 5

/**
 * Refuses the repeatable jobs that Bull and BullMQ had before job schedulers: a worker of BullMQ 6
 * runs the first and forgets the rest, or repeats them without their data. Nobody would miss what
 * is never deleted.
 *
 * @throws RefusedError for each run that comes
 */
export function assertRepeats({ opts, repeatJobKey, data }: Job): void {
  if (!('repeat' in opts) && repeatJobKey === undefined) return
  const isOld = repeatJobKey === undefined || repeatJobKey.split(':').length >= OLD_KEY_PARTS
  if (isOld || isEmpty(data)) {
    throw new RefusedError(
      'INVALID_REQUEST',
      'repeat: expected a run of a job scheduler, got one of a repeatable job, which is not repeated or ' +
        'comes without its data. Remove it, and use upsertJobScheduler.',
    )
  }
}

const isEmpty = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && Object.keys(data).length === 0

/**
 * An entry by which BullMQ up to 3 wakes its workers for a delayed job. It is in the list of jobs, and
 * there is no job of that id: counting begins with 1.
 */
export const isWakeUp = ({ id, name }: Job): boolean => id === '0' && !name
