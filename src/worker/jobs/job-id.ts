import { hash } from 'node:crypto'
import type { Job } from 'bullmq'
import { stampedId } from '../../shared/contract/request.ts'

/** The ids that a job of the door gives its request where the data names none. */

type Identified = Pick<Job, 'id' | 'timestamp' | 'queueName'>

/**
 * Ids that BullMQ makes: a counter for jobs added without one, and one for each run of a scheduler.
 * It lets nobody choose a whole number; ports in other languages do not check.
 */
const MADE_BY_BULLMQ = /^(?:-?(?:0|[1-9]\d*)|repeat:.*)$/s

/**
 * What the sender named the request by the job's id, with or without `r-`; it may be no valid id.
 * Undefined where BullMQ made the id. A counter names nothing: it begins again in an empty queue,
 * and its numbers may be the ids of other requests.
 */
export function idByJob({ id = '' }: Pick<Job, 'id'>): string | undefined {
  return MADE_BY_BULLMQ.test(id) ? undefined : id.replace(/^r-/, '')
}

/** 10¹⁸ ids for each second. */
const TAIL = 12

/** The last millisecond that has a year of four digits. */
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** The same whenever the job is delivered, and no other job's: it may be delivered twice. */
export function generatedId({ id = '', timestamp, queueName }: Identified): string {
  const digest = hash('sha256', JSON.stringify([queueName, id, timestamp]))
  const tail = BigInt(`0x${digest}`).toString(36).slice(-TAIL)
  return stampedId(timestamp >= 0 && timestamp <= LATEST ? timestamp : 0, tail)
}
