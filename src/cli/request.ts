import type { Producer } from '../producer/producer.ts'
import { labelsIn } from '../shared/contract/labels.ts'
import { type DeletionRequest, parseRequest } from '../shared/contract/request.ts'
import { readSoql } from '../shared/contract/sources/soql-query.ts'
import { UsageError } from './cli.ts'
import type { DeletionFlags } from './commands.ts'
import type { Input } from './input.ts'

/** What differs between the commands that request a deletion. */
interface RequestTerms {
  readonly org: string
  readonly approval: 'auto' | 'required'
  readonly coalesce: boolean
  /**
   * Whether the plan may contain ids without checksum: allowed by a flag, or about to be confirmed.
   */
  readonly acceptUnchecked: boolean
  readonly callbackUrl?: string
  /** Whether the planner reads the file itself; otherwise its bytes are sent with the request. */
  readonly fileSeenByPlanner: boolean
}

/**
 * The request that the flags describe. The same flags give the same request, whatever is answered
 * to the question, so that running them again continues it.
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
      object: flags.object ?? objectOf(input),
      operation: flags.hardDelete ? 'hardDelete' : 'delete',
      source: sourceFor(input, flags.column, terms.fileSeenByPlanner),
      priority: flags.priority,
      onInvalid: flags.onInvalid,
      onUnchecked: terms.acceptUnchecked ? 'accept' : 'refuse',
      maxRecords: flags.maxRecords,
      maxFailureRatio: flags.maxFailureRatio,
      expectCount: flags.expectCount,
      expectSha256: flags.expectSha256?.toLowerCase(),
      deadline: flags.deadline && momentOf(flags.deadline, now),
      refuseActive: flags.refuseActive,
      dryRun: flags.dryRun,
      deletedFile: flags.deletedFile,
      approval: terms.approval,
      coalesce: terms.coalesce,
      reason: flags.reason,
      labels: labelsIn(flags.label ?? []),
      callbackUrl: terms.callbackUrl,
    },
    now,
  )
}

/** The object that a query names. @throws UsageError if nothing names the object */
function objectOf(input: Input): string | undefined {
  if (input.kind !== 'source' || input.source['type'] !== 'soql') {
    throw new UsageError('Expected --object <name>, such as --object Contact.')
  }
  // Without one in a query that is wrong, the request says what is wrong with the query.
  return readSoql(String(input.source['query'])).object ?? undefined
}

/** The ledger's clock, which dates the submission, may be behind this machine's. */
const CLOCKS_DIFFER_MS = 60_000

/**
 * A duration counts from the first submission, so that the same command continues the same request.
 * A shorter duration than before, or one where there was none, means another request: the known one
 * would delete for longer than asked.
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
 * Whether unchecked ids are allowed in the plan depends on whether there is a terminal to ask on;
 * an earlier run of the same request decided that. An explicit flag takes precedence.
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

/** The moment in the form of a deletion request. */
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
