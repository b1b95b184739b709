import { ExpungeError } from '../../base/errors.ts'
import type { GuardRails } from '../../contract/guard-rails.ts'
import type { Signature } from '../../contract/receipt.ts'
import { parseDerived } from '../../contract/request.ts'
import type { StoredSource } from '../../contract/sources/sources.ts'
import { endedUnsent, type RequestRecord } from '../ledger/record.ts'
import type { OrgStore } from '../org-store.ts'
import { enterSubmission, type Submitted } from './submit.ts'
import { bodyHash } from './taken.ts'

/**
 * Applies the plan of a dry run. A terminal request never runs again, so this enters a new request
 * with the terms of the dry run. Instead of reading the source, its planner reads the staged ids,
 * and refuses them if their digest is not that of the plan. Entering the request and taking the plan
 * is one step in Redis, so a plan is applied once, and applying it again returns the same request.
 */

/** The plan of the dry run is not kept, or not any more. Nothing was deleted. */
export class PlanExpiredError extends ExpungeError {
  readonly code = 'PLAN_EXPIRED'
}

/** Another request has applied the plan. */
export class PlanAppliedError extends ExpungeError {
  readonly code = 'PLAN_APPLIED'
}

/** The plan is not the one that was reviewed. */
export class PlanChangedError extends ExpungeError {
  readonly code = 'PLAN_CHANGED'

  constructor(id: string) {
    super(
      `Request ${id} has another plan than the one that was to be approved. Nothing was approved. Review its plan again.`,
    )
  }
}

interface Application {
  /** Id of the new request; derived from that of the dry run by default. */
  readonly as?: string | undefined
  /** Digest of the plan that was reviewed; another plan is not applied. */
  readonly plan?: string | undefined
  readonly by: Signature
  /** Guard rails that apply to the new request instead of the org's. */
  readonly guards?: GuardRails | undefined
}

const MOST_OF_ID = 120

/** The id of the request that applies the plan of a dry run. */
const appliedId = (id: string): string => `${id.slice(0, MOST_OF_ID)}-apply`

/**
 * @throws PlanExpiredError, PlanAppliedError, PlanChangedError, InvalidRequestError
 * @throws UnknownObjectError, BudgetExceededError, ConflictError, GoneError like any submission
 */
export async function applyPlan(
  store: OrgStore,
  dryRun: RequestRecord,
  now: number,
  { as, plan: reviewed, by, guards }: Application,
): Promise<Submitted> {
  const { kept, lot, plan } = dryRun
  const { id } = dryRun.request
  if (kept === null || lot === null || plan === null) throw expired(id)
  if (reviewed !== undefined && reviewed !== plan.sha256) throw new PlanChangedError(id)
  const earlier = await earlierApplication(store, dryRun)
  const request = parseDerived({
    ...dryRun.request,
    id: as ?? (earlier?.isOpen ? earlier.id : appliedId(id)),
    source: pinned(dryRun),
    dryRun: false,
  })
  const submission = {
    request,
    bodyHash: bodyHash(request, { sha256: plan.sha256 }),
    staged: null,
    submittedAt: now,
    submittedBy: dryRun.submittedBy ?? undefined,
    limits: dryRun.limits ?? undefined,
    guards,
    // The same for all who apply this plan, so a repeated call finds the same request.
    entry: `apply-${lot}`,
    records: plan.accepted,
    takes: { request: id, lot, lists: kept.lists, plan },
    instead: earlier?.isOpen === false ? earlier.id : undefined,
    approvedBy: by,
  }
  return enterSubmission(store, submission, {
    applied: () =>
      new PlanAppliedError(
        `The plan of request ${id} was applied as request ${earlier?.id ?? 'of another id'}. See \`expunge status\`.`,
      ),
    expired: () => expired(id),
  })
}

/**
 * The source with the digest of the file that was planned: a worker of a version without kept plans
 * reads the source, and refuses other content.
 */
function pinned({ request: { source }, content }: RequestRecord): StoredSource {
  return source.type === 'file' && content !== null ? { ...source, sha256: content.sha256 } : source
}

/**
 * The request that took the plan before; `isOpen` unless it ended without sending any of it: then
 * another id may take it.
 */
async function earlierApplication({ ledger }: OrgStore, { appliedAs }: RequestRecord) {
  if (appliedAs === null) return null
  const record = await ledger.load(appliedAs)
  const isOpen = record === null || !endedUnsent(record)
  return { id: record?.request.id ?? appliedAs, isOpen }
}

function expired(id: string): PlanExpiredError {
  return new PlanExpiredError(
    `The plan of request ${id} is not kept any more, and nothing was deleted. Plans are kept for a limited time ` +
      '(`planHours`), and only while Redis has memory. Make the plan again: the same command with --dry-run and another --id.',
  )
}
