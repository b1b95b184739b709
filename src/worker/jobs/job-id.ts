import { hash } from 'node:crypto'
import type { Job } from 'bullmq'
import { stampedId } from '../../shared/contract/request.ts'

/** The fields that determine a request's id if the job's data has none. */

type Identified = Pick<Job, 'id' | 'timestamp' | 'queueName'>

/**
 * Ids that BullMQ creates: a counter for jobs added without one, and one for each run of a
 * scheduler. BullMQ does not allow whole numbers as custom ids; ports in other languages do not
 * check this.
 */
const MADE_BY_BULLMQ = /^(?:-?(?:0|[1-9]\d*)|repeat:.*)$/s

/**
 * The request's name according to the job's id, with or without `r-`; it may not be a valid id.
 * Undefined if BullMQ created the id. A counter is not a name: it restarts in an empty queue, and
 * its numbers may be the ids of other requests.
 */
export function idByJob({ id = '' }: Pick<Job, 'id'>): string | undefined {
  return MADE_BY_BULLMQ.test(id) ? undefined : id.replace(/^r-/, '')
}

/** Job ids may be any text. */
const MOST_OF_NAME = 128

/** Who submitted a request that came as this job: nobody has verified more than its id. */
export const submitterOf = ({ id }: Pick<Job, 'id'>): string =>
  `bullmq:${id}`.slice(0, MOST_OF_NAME)

/** Base-36 characters: 10¹⁸ ids for each second. */
const TAIL = 12

/** The last millisecond of a four-digit year. */
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Unique to the job and the same at every delivery: a job may be delivered twice. */
export function generatedId({ id = '', timestamp, queueName }: Identified): string {
  const digest = hash('sha256', JSON.stringify([queueName, id, timestamp]))
  const tail = BigInt(`0x${digest}`).toString(36).slice(-TAIL)
  return stampedId(timestamp >= 0 && timestamp <= LATEST ? timestamp : 0, tail)
}
