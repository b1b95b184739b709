import {
  addOutcomes,
  NO_OUTCOME,
  type Outcome,
  type Plan,
  type Receipt,
  type SignedAct,
  type Status,
} from '../contract/receipt.ts'
import type { StoredRequest } from '../contract/request.ts'
import type { SourceContent } from '../contract/sources/read-file.ts'
import type { StopReason } from './ledger/decisions.ts'
import type { RequestRecord } from './ledger/record.ts'
import type { OrgStore } from './org-store.ts'

/** How far a request is. Counts are ids; `running` is Salesforce's own count of rows it is done with. */
export interface RequestProgress {
  /** Verdicts in the ledger. */
  readonly outcome: Outcome
  /** Rows that ingest jobs still at work have processed, failures included. */
  readonly running: number
  readonly chunksOpen: number
}

/** A request as callers see it. */
export interface RequestView {
  readonly id: string
  readonly org: string
  readonly status: Status
  /** Why it is to end before its time, null where it is not, and once it is over. */
  readonly stopping: StopReason | null
  readonly submittedAt: string
  /** Name of the key of whoever submitted it; null where it came by a door without keys. */
  readonly submittedBy: string | null
  /** Who let its parked plan go ahead; null where nobody had to, or has yet. */
  readonly approvedBy: SignedAct | null
  /** Who cancelled it or turned its plan down; null where nobody has. */
  readonly cancelledBy: SignedAct | null
  /** Of the `callbackUrl` only the origin: the rest may let whoever knows it speak to the receiver. */
  readonly request: StoredRequest
  /** Which bytes the source held: of a list or upload as it came, of a file as it was planned. */
  readonly content: SourceContent | null
  readonly plan: Plan | null
  /** Null before the plan and once the receipt is there. */
  readonly progress: RequestProgress | null
  readonly receipt: Receipt | null
}

export async function viewOf(store: OrgStore, record: RequestRecord): Promise<RequestView> {
  const { id } = record.request
  const [stopping = null] = record.receipt === null ? await store.ledger.stopReasons([id]) : []
  const progress = record.status === 'deleting' ? await progressOf(store, id) : null
  return { ...viewOfNew(store, record), stopping, progress }
}

/** The same of a request that was entered this moment: nothing has become of it yet. */
export function viewOfNew({ org }: Pick<OrgStore, 'org'>, record: RequestRecord): RequestView {
  return {
    id: record.request.id,
    org,
    status: record.status,
    stopping: null,
    submittedAt: new Date(record.submittedAt).toISOString(),
    submittedBy: record.submittedBy,
    approvedBy: record.approvedBy,
    cancelledBy: record.cancelledBy,
    request: withoutSecrets(record.request),
    content: contentOf(record),
    plan: record.plan,
    progress: null,
    receipt: record.receipt,
  }
}

function contentOf({ content, staged }: RequestRecord): SourceContent | null {
  const known = content ?? staged
  return known && { bytes: known.bytes, sha256: known.sha256 }
}

/** Whoever submitted the request knows the URL; nobody else needs more than where it leads. */
function withoutSecrets(request: StoredRequest): StoredRequest {
  const origin = URL.parse(request.callbackUrl ?? '')?.origin
  return origin === undefined ? request : { ...request, callbackUrl: `${origin}/***` }
}

async function progressOf({ ledger }: OrgStore, id: string): Promise<RequestProgress> {
  const [outcomes, open] = await Promise.all([ledger.outcomes(id), ledger.openChunks(id)])
  const orders = await Promise.all(
    [...new Set(open.values())].map((order) => ledger.ingestOrder(order)),
  )
  return {
    outcome: [...outcomes.values()].reduce(
      (sum, chunk) => addOutcomes(sum, chunk.outcome),
      NO_OUTCOME,
    ),
    running: orders.reduce((sum, order) => sum + (order?.progress.processed ?? 0), 0),
    chunksOpen: open.size,
  }
}
