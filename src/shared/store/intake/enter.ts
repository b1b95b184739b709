import type { Queue } from 'bullmq'
import type { LedgerConnection } from '../ledger/connection.ts'
import type { OrgKeys } from '../ledger/keys.ts'
import { planJob } from '../queues/queues.ts'
import { type Acceptance, acceptor, type Submission } from './accept.ts'

/**
 * The verb by which every request is entered: it writes the request to the ledger and orders its
 * plan, in one Redis step. The plan is not included if something must come first: with a deadline
 * the stop is ordered first, and a request entered as refused is never planned.
 */
export function entrance(
  ledger: LedgerConnection,
  keys: OrgKeys,
  requests: () => Promise<Queue>,
): (submission: Submission) => Promise<Acceptance> {
  const accept = acceptor(ledger, keys)
  const open = async () => {
    const [queue, { inserterOf }] = await Promise.all([requests(), import('./inserter.ts')])
    return inserterOf(queue, ledger.redis)
  }
  let opened: ReturnType<typeof open> | undefined
  return async (submission) => {
    const { id, priority, deadline } = submission.request
    if (deadline !== null || submission.refusal !== undefined) return accept(submission)
    opened ??= open()
    const insertInto = await opened
    return insertInto(planJob(id, priority), (order) => accept(submission, order))
  }
}
