import { randomUUID } from 'node:crypto'
import { messageOf } from '../../base/errors.ts'
import { BudgetExceededError, type CallerLimits } from '../../contract/caller-limits.ts'
import type { GuardRails } from '../../contract/guard-rails.ts'
import { knownObject } from '../../contract/known-object.ts'
import { type DeletionRequest, type StoredRequest, toStored } from '../../contract/request.ts'
import { countOf } from '../../contract/sources/lists.ts'
import { lotBeside, type RequestRecord } from '../ledger/record.ts'
import type { OrgStore } from '../org-store.ts'
import { explained, isReply, RedisUnavailableError, troubleOf } from '../redis/trouble.ts'
import type { Acceptance, Submission } from './accept.ts'
import { withKnownObject } from './known-object.ts'
import { dropQuietly, stageSource } from './stage-source.ts'
import { bodyHash, ConflictError, differences, GoneError } from './taken.ts'

export interface Submitted {
  readonly record: RequestRecord
  /** False if another submission had already entered the same request. */
  readonly created: boolean
}

/** Who submits a request. */
export interface Caller {
  /** Name of their key. */
  readonly submittedBy?: string | undefined
  readonly limits?: CallerLimits | undefined
  /** Identifies this submission if it may be delivered twice. */
  readonly entry?: string | undefined
  /** Allowed objects by the caller's configuration, for an org that has no guard rails yet. */
  readonly objects?: readonly string[] | undefined
}

/** A user on this machine, who may set guard rails for a request. */
interface Operator extends Caller {
  /** Guard rails that apply to the request instead of the org's. */
  readonly guards?: GuardRails | undefined
}

/**
 * Accepts a request: stages its ids, enters it into the ledger and orders its plan. All ways of
 * submitting lead here. For a short list this is one Redis step. If it takes several, a crash in
 * between leaves nothing half accepted: before the ledger has the request, the caller has no
 * answer; afterwards the sweep orders its plan again.
 *
 * @param upload the bytes of an `upload` source
 * @param caller who submits it, if known
 * @throws UnknownObjectError if the org does not allow the object
 * @throws ConflictError if the id belongs to another request
 * @throws GoneError if the id belonged to a request whose record has expired
 * @throws BudgetExceededError if the caller's budget has no room for the list
 * @throws RedisUnavailableError if Redis is full, refuses writes or does not answer. Only without
 *   an answer may the request have been accepted anyway; the message says so.
 */
export async function submit(
  store: OrgStore,
  given: DeletionRequest,
  now: number,
  upload?: AsyncIterable<Uint8Array>,
  { submittedBy, limits, guards, entry, objects }: Operator = {},
): Promise<Submitted> {
  const request =
    guards === undefined
      ? await explained(() => withKnownObject(given, store, objects))
      : { ...given, object: knownObject(given.object, Object.keys(guards.objects)) }
  const intake = await stageSource(store, request, upload)
  const stored = toStored(request)
  const submission = {
    ...intake,
    request: stored,
    bodyHash: bodyHash(stored, intake.staged),
    submittedAt: now,
    submittedBy,
    limits,
    guards,
    // After a lost reply ioredis repeats the call, so a submission without a lot needs an
    // identifier.
    entry: entry ?? (intake.staged === null ? randomUUID() : undefined),
    records: (request.dryRun ? null : countOf(request.source)) ?? undefined,
  }
  return enterSubmission(store, submission)
}

/** Errors of a submission that applies a kept plan, if it cannot. */
type PlanErrors = Readonly<Record<'applied' | 'expired', () => Error>>

/** Enters a prepared submission. Throws like `submit`. */
export function enterSubmission(
  store: OrgStore,
  submission: Submission,
  errors?: PlanErrors,
): Promise<Submitted> {
  const { id } = submission.request
  return explained(
    async () => answer(await enter(submission, store), submission, store, errors),
    `Whether request ${id} was accepted is not known: submit it again under this id.`,
  )
}

/** A refusal leaves nothing behind; an existing request needs no second copy. */
async function enter(submission: Submission, store: OrgStore): Promise<Acceptance> {
  const name = lotBeside(submission.staged)
  const lot = name === null ? null : { request: submission.request.id, lot: name }
  let acceptance: Acceptance
  try {
    acceptance = await store.enter(submission)
  } catch (error) {
    if (error instanceof BudgetExceededError && lot !== null) await store.staging.drop(lot)
    // Without an answer it may have been accepted: then these frames belong to the request.
    const refusal = isReply(error) ? troubleOf(error) : null
    if (refusal === null) throw error
    if (lot !== null) await dropQuietly(lot, store)
    throw new RedisUnavailableError(refusal, messageOf(error), 'Nothing was accepted.')
  }
  const isKept = acceptance === 'accepted' || acceptance === 'ordered'
  if (!isKept && lot !== null) await store.staging.drop(lot)
  return acceptance
}

async function answer(
  acceptance: Acceptance,
  submission: Submission,
  store: OrgStore,
  errors?: PlanErrors,
): Promise<Submitted> {
  const { request } = submission
  switch (acceptance) {
    case 'ordered':
      return { record: newRecord(submission), created: true }
    case 'accepted':
      await order(request, store, submission.submittedAt)
      return { record: newRecord(submission), created: true }
    case 'repeated': {
      const record = await known(request, store)
      if (record.status === 'queued') await order(request, store, submission.submittedAt)
      return { record, created: true }
    }
    case 'existing': {
      const record = await known(request, store)
      const differing = differences(record, newRecord(submission))
      if (differing.length > 0) throw new ConflictError(store.org, record, differing)
      // The submission may be repeated because the first one could not order the plan.
      if (record.status === 'queued') await order(request, store, submission.submittedAt)
      return { record, created: false }
    }
    case 'conflict': {
      const record = await known(request, store)
      throw new ConflictError(store.org, record, differences(record, newRecord(submission)))
    }
    case 'gone': {
      const tombstone = await store.ledger.tombstone(request.id)
      if (tombstone === null)
        throw new TypeError(`The ledger has lost the tombstone of ${request.id}.`)
      throw new GoneError(store.org, submission, tombstone)
    }
    case 'applied':
    case 'expired':
      throw errors?.[acceptance]() ?? new TypeError(`A request without a plan is ${acceptance}.`)
    default:
      throw new TypeError(`Unknown answer ${String(acceptance satisfies never)}`)
  }
}

async function known({ id }: StoredRequest, { ledger }: OrgStore): Promise<RequestRecord> {
  const record = await ledger.load(id)
  if (record === null) throw new TypeError(`The ledger has lost request ${id}.`)
  return record
}

/** The record as just entered, without an extra read per request. */
function newRecord({
  submittedBy,
  limits,
  guards,
  refusal,
  takes,
  approvedBy,
  frame: _,
  records: __,
  entry: ___,
  instead: ____,
  ...entered
}: Submission): RequestRecord {
  return {
    ...entered,
    submittedBy: submittedBy ?? null,
    approvedBy: approvedBy
      ? { ...approvedBy, at: new Date(entered.submittedAt).toISOString() }
      : null,
    cancelledBy: null,
    prioritizedBy: null,
    objectRecords: null,
    preflight: null,
    kept: null,
    appliedAs: null,
    takes: takes ?? null,
    limits: limits ?? null,
    guards: guards ?? null,
    status: 'queued',
    content: null,
    lot: null,
    plan: null,
    invalid: null,
    plannedAt: null,
    canary: 0,
    refusal: refusal ?? null,
    brake: null,
    receipt: null,
  }
}

/** Once in the ledger, a request is accepted. If ordering its plan fails, the sweep orders it. */
async function order(
  { id, priority, deadline }: StoredRequest,
  { orders }: OrgStore,
  now: number,
): Promise<void> {
  try {
    // Before the plan: after the request has ended, nobody would withdraw this order.
    if (deadline !== null) await orders.stopAfter(id, Math.max(0, Date.parse(deadline) - now))
    await orders.plan(id, priority)
  } catch (error) {
    if (troubleOf(error) === null) throw error
  }
}
