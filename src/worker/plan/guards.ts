import { RefusedError } from '../../shared/base/errors.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import { UnknownObjectError } from '../../shared/contract/known-object.ts'
import { BUILT_IN_OBJECTS, type DeletableObject } from '../../shared/contract/objects.ts'
import type { Plan } from '../../shared/contract/receipt.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import { placeOfRow, unitOf } from '../../shared/contract/sources/lists.ts'
import type { NamedRow } from './read-lists.ts'

/** The guard rails of a plan. Each refuses the request before anything is deleted. */

/** @throws UnknownObjectError, RefusedError HARD_DELETE_NOT_ALLOWED */
export function allowedObject(
  { object, operation }: StoredRequest,
  { objects, hardDelete }: GuardRails,
  org: string,
): DeletableObject {
  const prefix = Object.hasOwn(objects, object) ? objects[object] : undefined
  if (prefix === undefined) throw new UnknownObjectError(object, Object.keys(objects))
  if (operation === 'hardDelete' && !hardDelete) {
    throw new RefusedError(
      'HARD_DELETE_NOT_ALLOWED',
      `Org "${org}" does not allow hardDelete: it deletes permanently, bypassing the Recycle Bin. To allow it, set hardDelete: true for the org in the configuration file, and run expunge policy --apply.`,
    )
  }
  return { name: object, prefix }
}

/** @throws RefusedError TOO_MANY_RECORDS */
export function assertRecords(count: number, limit: number): void {
  if (count <= limit) return
  throw new RefusedError(
    'TOO_MANY_RECORDS',
    `The source contains more than ${limit} records, the limit of this request. ` +
      "Split the source, or raise the org's limit (EXPUNGE_MAX_RECORDS).",
    { remedies: [{ to: 'raise a limit of the request itself', field: 'maxRecords', value: null }] },
  )
}

/** Salesforce allows 15,000 batches a day, and every chunk needs at least one. */
const MOST_CHUNKS = 10_000

/** @throws RefusedError TOO_MANY_CHUNKS */
export function assertChunks(count: number): void {
  if (count <= MOST_CHUNKS) return
  throw new RefusedError(
    'TOO_MANY_CHUNKS',
    `The plan needs more than ${MOST_CHUNKS} ingest jobs. Allow more records per job ` +
      '(EXPUNGE_MAX_JOB_RECORDS, EXPUNGE_MAX_JOB_BYTES), or split the source.',
  )
}

/** What reading the source found besides the plan's counts. */
interface Findings {
  /** The first row that is not an id, if any. */
  readonly firstRefused: NamedRow | undefined
  /** Why the case of the unchecked ids' letters cannot be trusted; null if it can. */
  readonly caseDamage: RefusedError | null
  /** What the plan must be, as far as given: by the request, by the plan that it applies. */
  readonly expected: readonly {
    readonly count: number | null
    readonly sha256: string | null
  }[]
  /** Whether the ids are those of a kept plan, and not of a source. */
  readonly isTaken: boolean
}

/**
 * Why a fully read plan is not applied; null if it is. Case damage is checked first, because no
 * option overrides it.
 */
export function refusalOf(
  plan: Plan,
  { onInvalid, onUnchecked, source }: Pick<StoredRequest, 'onInvalid' | 'onUnchecked' | 'source'>,
  { firstRefused, caseDamage, expected, isTaken }: Findings,
): RefusedError | null {
  if (caseDamage !== null) return caseDamage
  if (firstRefused !== undefined) {
    if (onInvalid === 'refuse') return invalidRows(plan, firstRefused, source)
    const isEmpty = plan.accepted === 0 && (plan.excluded ?? 0) === 0
    if (isEmpty) return nothingAccepted(plan, firstRefused, source)
  }
  if (plan.unchecked > 0 && onUnchecked === 'refuse') return uncheckedIds(plan)
  return otherPlan(plan, expected, isTaken)
}

type Source = StoredRequest['source']

function otherPlan(
  { accepted, sha256 }: Plan,
  expected: Findings['expected'],
  isTaken: boolean,
): RefusedError | null {
  const differs = <T>(wanted: T | null, found: T) => wanted !== null && wanted !== found
  const differences = expected.flatMap((wanted) => [
    ...(differs(wanted.count, accepted)
      ? [`expected ${wanted.count} records, got ${accepted}`]
      : []),
    ...(differs(wanted.sha256, sha256)
      ? [`expected the SHA-256 ${wanted.sha256}, got ${sha256}`]
      : []),
  ])
  if (differences.length === 0) return null
  return new RefusedError(
    'OTHER_PLAN',
    `The plan is not the expected one: ${differences.join('; ')}. ${isTaken ? PLAN_AGAIN : OTHER_SOURCE}`,
  )
}

const OTHER_SOURCE = 'Check what the source holds, then submit it under another id.'
const PLAN_AGAIN =
  'The ids that were kept are not those of the plan: make the plan again with another dry run, and apply that.'

function invalidRows(plan: Plan, first: NamedRow, source: Source): RefusedError {
  const isOne = plan.invalid === 1
  const words = {
    row: isOne ? 'row has no valid id' : 'rows have no valid id',
    id: isOne ? 'id is not valid' : 'ids are not valid',
  }
  return new RefusedError(
    'INVALID_ROWS',
    `${plan.invalid} ${words[unitOf(source)]}; the first is ${show(first, plan, source)}. ` +
      'See invalid.csv and correct the source.',
    { remedies: plan.accepted === 0 ? otherObject(first) : [SKIP] },
  )
}

/** Rows may be skipped, but a source of invalid rows only is the wrong file or the wrong column. */
function nothingAccepted(plan: Plan, first: NamedRow, source: Source): RefusedError {
  const count = plan.invalid
  return new RefusedError(
    'NOTHING_ACCEPTED',
    `The source contains no valid id, only ${count} other ${count === 1 ? 'row' : 'rows'}; the first is ${show(first, plan, source)}. ` +
      'See invalid.csv, and check the object, the column and the file.',
    { remedies: otherObject(first) },
  )
}

const SKIP = { to: 'skip invalid rows', field: 'onInvalid', value: 'skip' } as const

/** Where no row is valid, skipping would leave nothing, but another object may be meant. */
function otherObject({ reason, value }: NamedRow): RefusedError['remedies'] {
  if (reason !== 'OTHER_OBJECT') return []
  const other = BUILT_IN_OBJECTS.find(({ prefix }) => value.startsWith(prefix))
  if (other === undefined) return []
  return [{ to: `delete ${other.name} records`, field: 'object', value: other.name }]
}

function uncheckedIds({ accepted, unchecked }: Plan): RefusedError {
  return new RefusedError(
    'UNCHECKED_IDS',
    `${unchecked} of ${accepted} ids ${unchecked === 1 ? 'has' : 'have'} 15 characters and carry no checksum: if something changed ` +
      'the case of their letters, they name other records. Export ids of 18 characters ' +
      '(with the formula CASESAFEID(Id) or a report by API).',
    { remedies: [{ to: 'accept ids without checksum', field: 'onUnchecked', value: 'accept' }] },
  )
}

function show({ line, value, reason, detail }: NamedRow, { read }: Plan, source: Source): string {
  return `${placeOfRow(source, line, read)}: ${value} (${reason}: ${detail})`
}
