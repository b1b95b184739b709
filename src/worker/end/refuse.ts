import type { Job } from 'bullmq'
import type { Context } from '../../shared/base/context.ts'
import { writeAudit } from '../../shared/base/logger.ts'
import { OBJECT_NAME } from '../../shared/contract/objects.ts'
import type { ReceiptError } from '../../shared/contract/receipt.ts'
import {
  parseRequest,
  REQUEST_ID,
  type StoredRequest,
  toStored,
} from '../../shared/contract/request.ts'
import type { Status } from '../../shared/contract/status.ts'
import { bodyHash } from '../../shared/store/intake/taken.ts'
import { generatedId, idByJob, submitterOf } from '../jobs/job-id.ts'
import { type SettleDeps, settleRequest } from './settle.ts'

/**
 * A job that arrives through BullMQ and cannot be accepted still ends with a receipt, because its
 * sender looks there. The receipt keeps what could be read; the message says the rest. It is stored
 * under the sender's id. If there is none, or another request has it, the id is generated.
 */

/** What became of an incoming job. `refusal` is null if its request was accepted. */
export interface JobVerdict {
  readonly request: string
  readonly status: Status | 'gone'
  readonly refusal: ReceiptError | null
}

/** @param meant the request, if all of it could be read */
export async function refuseJob(
  job: Job,
  meant: StoredRequest | null,
  refusal: ReceiptError,
  deps: SettleDeps,
  ctx: Context,
): Promise<JobVerdict> {
  const request = meant ?? legible(job, deps.store.org, ctx.clock.now())
  const said = { refusal, submittedBy: submitterOf(job) }
  const named = nameIn(job) !== undefined
  const underName = named ? await refuseUnder(request, said, deps, ctx) : null
  const id = generatedId(job)
  const verdict = underName ?? (await refuseAsGenerated({ ...request, id }, said, deps, ctx))
  if (verdict.refusal !== null) tell(job, request, verdict.request, refusal, deps, ctx)
  return verdict
}

interface Said {
  readonly refusal: ReceiptError
  readonly submittedBy: string
}

/** Null if the id is taken by another request, accepted or refused. */
async function refuseUnder(
  request: StoredRequest,
  { refusal, submittedBy }: Said,
  deps: SettleDeps,
  ctx: Context,
): Promise<JobVerdict | null> {
  const entered = await deps.store.enter({
    request,
    bodyHash: bodyHash({ ...request, reason: refusal.message }, null),
    staged: null,
    submittedAt: ctx.clock.now(),
    submittedBy,
    refusal,
  })
  if (entered === 'conflict' || entered === 'gone') return null
  await settleRequest(request.id, deps, ctx)
  return { request: request.id, status: 'refused', refusal }
}

/**
 * Only this job can have the generated id. A record under it is the result of an earlier delivery
 * of the same job, accepted or refused.
 */
async function refuseAsGenerated(
  request: StoredRequest,
  said: Said,
  deps: SettleDeps,
  ctx: Context,
): Promise<JobVerdict> {
  const verdict = await refuseUnder(request, said, deps, ctx)
  if (verdict !== null) return verdict
  const { id } = request
  await settleRequest(id, deps, ctx)
  const record = await deps.store.ledger.load(id)
  return record === null
    ? { request: id, status: 'gone', refusal: said.refusal }
    : { request: id, status: record.status, refusal: record.refusal }
}

function tell(
  job: Job,
  { object, reason }: StoredRequest,
  id: string,
  { code, message }: ReceiptError,
  { store: { org } }: SettleDeps,
  { log }: Context,
): void {
  log.warn({ request: id, code }, `A job was refused: ${message}`)
  const by = { door: 'bullmq', job: job.id, code, object }
  writeAudit(log, { action: 'refuse', org, id, reason }, by)
}

/** The name that the sender gave the request, if it is a valid request id. */
function nameIn(job: Job): string | undefined {
  const name = 'id' in fieldsOf(job) ? fieldsOf(job)['id'] : idByJob(job)
  return typeof name === 'string' && REQUEST_ID.test(name) ? name : undefined
}

function legible(job: Job, org: string, now: number): StoredRequest {
  const { object } = fieldsOf(job)
  return toStored(
    parseRequest(
      {
        id: nameIn(job) ?? generatedId(job),
        org,
        object: typeof object === 'string' && OBJECT_NAME.test(object) ? object : 'unknown',
        source: { type: 'ids', ids: [] },
      },
      now,
    ),
  )
}

/** The fields of the job's data; none if it is not an object. */
function fieldsOf({ data }: Job): Readonly<Record<string, unknown>> {
  return isFields(data) ? data : {}
}

export function isFields(data: unknown): data is Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}
