import type { Producer } from '../producer/producer.ts'
import { type DeletionRequest, parseRequest } from '../shared/contract/request.ts'
import type { DeletionFlags } from './commands.ts'
import type { Input } from './input.ts'

/** What differs between the commands that ask for a deletion. */
interface RequestTerms {
  readonly org: string
  readonly approval: 'auto' | 'required'
  readonly coalesce: boolean
  /** Whether ids without checksum may stand in the plan: typed, or about to be asked. */
  readonly acceptUnchecked: boolean
  readonly callbackUrl?: string
  /** A file is read by whoever plans; else its bytes are handed over with the request. */
  readonly fileSeenByPlanner: boolean
}

/**
 * The request that the flags describe. The same flags give the same request, whatever is answered
 * to the question, so that running them again goes on with it.
 *
 * @throws RefusedError `INVALID_REQUEST` naming every wrong field
 */
export function toRequest(
  flags: DeletionFlags,
  input: Input,
  terms: RequestTerms,
): DeletionRequest {
  const now = Date.now()
  return parseRequest(
    {
      ...(flags.id === undefined ? {} : { id: flags.id }),
      org: terms.org,
      object: flags.object,
      operation: flags.hardDelete ? 'hardDelete' : 'delete',
      source: sourceFor(input, flags.column, terms.fileSeenByPlanner),
      priority: flags.priority,
      onInvalid: flags.onInvalid,
      onUnchecked: terms.acceptUnchecked ? 'accept' : 'refuse',
      maxRecords: flags.maxRecords,
      maxFailureRatio: flags.maxFailureRatio,
      deadline: flags.deadline && momentOf(flags.deadline, now),
      dryRun: flags.dryRun,
      approval: terms.approval,
      coalesce: terms.coalesce,
      reason: flags.reason,
      callbackUrl: terms.callbackUrl,
    },
    now,
  )
}

/** The ledger's clock, which dates the submission, may be behind this machine's. */
const CLOCKS_DIFFER_MS = 60_000

/**
 * A duration counts from when the request was first submitted: typed again, the same command must
 * go on with the same request. Whoever types a shorter one, or one where there was none, does not
 * mean the same: the request that is known would delete longer than they say.
 */
export async function withKnownDeadline(
  request: DeletionRequest,
  { id, deadline }: DeletionFlags,
  producer: Pick<Producer, 'inspect'>,
): Promise<DeletionRequest> {
  if (id === undefined || deadline?.kind !== 'in') return request
  const known = await producer.inspect(id, { org: request.org })
  const first = known?.request.deadline ?? null
  if (known === null || first === null) return request
  const latest = Date.parse(known.submittedAt) + deadline.ms + CLOCKS_DIFFER_MS
  return Date.parse(first) <= latest ? { ...request, deadline: first } : request
}

/**
 * Whether unchecked ids may stand in the plan depends on whether there is a terminal to ask on: an
 * earlier run of the same request has decided that. What was typed stays.
 */
export async function withKnownAnswer(
  request: DeletionRequest,
  { id, acceptUnchecked }: DeletionFlags,
  producer: Pick<Producer, 'inspect'>,
): Promise<DeletionRequest> {
  if (id === undefined || acceptUnchecked) return request
  const known = await producer.inspect(id, { org: request.org })
  return known === null ? request : { ...request, onUnchecked: known.request.onUnchecked }
}

function sourceFor(
  input: Input,
  column: string | undefined,
  fileSeenByPlanner: boolean,
): Readonly<Record<string, unknown>> {
  const inColumn = column === undefined ? {} : { column }
  switch (input.kind) {
    case 'file':
      return fileSeenByPlanner
        ? { type: 'file', path: input.path, ...inColumn }
        : { type: 'upload', ...inColumn }
    case 'stream':
      return { type: 'upload', ...inColumn }
    case 'source':
      return input.source
    default:
      throw new TypeError(`Unknown input ${JSON.stringify(input satisfies never)}`)
  }
}

/** The moment itself, in the form of a deletion request. */
export function momentOf(deadline: NonNullable<DeletionFlags['deadline']>, now: number): string {
  switch (deadline.kind) {
    case 'at':
      return deadline.at
    case 'in':
      return new Date(now + deadline.ms).toISOString()
    default:
      throw new TypeError(`Unknown deadline ${JSON.stringify(deadline satisfies never)}`)
  }
}
