import { hash } from 'node:crypto'
import { ExpungeError } from '../../base/errors.ts'
import { type DeletionRequest, parseRequest, type StoredRequest } from '../../contract/request.ts'
import { type ListAt, listsOf, mapLists, nameOfList } from '../../contract/sources/lists.ts'
import type { SourceContent } from '../../contract/sources/read-file.ts'
import { kindOf, type StoredList, type StoredSource } from '../../contract/sources/sources.ts'
import type { TerminalStatus } from '../../contract/status.ts'
import type { RequestRecord, Staged } from '../ledger/record.ts'
import type { Tombstone } from '../ledger/settle.ts'

/**
 * Decides whether two requests with one id are the same, and why a taken id cannot be used: it
 * belongs to another request, or to one that ended long ago.
 */

/** The id belongs to a request with other content. */
export class ConflictError extends ExpungeError {
  readonly code = 'ID_TAKEN'
  /** Names of the differing fields, and the source's content by digest. Never contains a value. */
  readonly differences: readonly string[]
  /** What determines who may read the request that has the id. */
  readonly known: Pick<DeletionRequest, 'org' | 'object' | 'operation'> &
    Pick<RequestRecord, 'submittedBy'>

  constructor(org: string, known: RequestRecord, differing: readonly string[]) {
    const { id, object, operation } = known.request
    const submitted = new Date(known.submittedAt).toISOString()
    const what = differing.length === 0 ? '' : `: ${differing.join(', ')}`
    super(
      `Request ${id} exists in org ${org} with other content${what} (${object}, ${known.status}, ` +
        `submitted ${submitted}). Nothing was changed. Use another id, or none.`,
    )
    this.differences = differing
    this.known = { org, object, operation, submittedBy: known.submittedBy }
  }
}

/** What is submitted, without what only Redis needs. */
interface Arrival {
  readonly request: StoredRequest
  readonly bodyHash: string
}

/** The id belonged to a request whose record has expired: it is not run a second time. */
export class GoneError extends ExpungeError {
  readonly code = 'ID_GONE'
  readonly status: TerminalStatus
  /** RFC 3339. */
  readonly finishedAt: string
  /** Whether it had the same content as the new request; null if unknown. */
  readonly sameContent: boolean | null

  constructor(org: string, submission: Arrival, tombstone: Tombstone) {
    const { status } = tombstone
    const finishedAt = new Date(tombstone.finishedAt).toISOString()
    const sameContent = isSame(submission, tombstone)
    super(
      `Request ${submission.request.id} of org ${org} ended ${status} at ${finishedAt}, and its record has expired. ` +
        `${inWords(sameContent)} It is not run again. Use another id for a new request.`,
    )
    this.status = status
    this.finishedAt = finishedAt
    this.sameContent = sameContent
  }
}

function isSame({ bodyHash, request: { source } }: Arrival, then: Tombstone): boolean | null {
  if (bodyHash !== then.bodyHash) return false
  const lists = listsOf(source)
  if (lists.every(({ list }) => Object.keys(placeOf(list)).length === 0)) return true
  const [sha256, second] = lists.map(({ list }) => digestOf(list))
  // A tombstone knows the content of a source of one list only.
  const isKnown = lists.length === 1 && second === undefined && sha256 !== undefined
  return isKnown && then.sha256 !== null ? sha256 === then.sha256 : null
}

function inWords(sameContent: boolean | null): string {
  if (sameContent === null) return 'Whether it had the same content is not known.'
  return sameContent ? 'It had the same content.' : 'It had other content.'
}

/**
 * Two requests with one id can be the same only if their digests are equal. The id is excluded
 * because it is compared case-insensitively; staged bytes are included by their digest. Fields with
 * default values are excluded so that the digest stays the same when a new version adds a field. So
 * are the path and bytes of a file: the path says nothing about the ids, and the submitting process
 * may not see the bytes. `differences` compares those.
 */
export function bodyHash(
  request: StoredRequest,
  staged: (Pick<Staged, 'sha256'> & Partial<Staged>) | null,
): string {
  const { id: _id, ...body } = { ...request, source: withoutPlace(request.source) }
  const said = Object.entries(body).filter(([field, value]) => !isDefault(field, value))
  const canonical = sortKeys({ ...Object.fromEntries(said), staged: staged?.sha256 ?? null })
  return hash('sha256', JSON.stringify(canonical))
}

/** No two `{}` are the same; comparing every field by `isDeepStrictEqual` took 1 µs more. */
function isDefault(field: string, value: unknown): boolean {
  if (field === 'labels') return Object.keys(Object(value)).length === 0
  return DEFAULTS.get(field) === value
}

function withoutPlace(source: StoredSource): object {
  return mapLists(source, ({ list }) => {
    const place = placeOf(list)
    const said = Object.entries(list).filter(
      ([field]) => !Object.hasOwn(place, field) && field !== 'sha256',
    )
    return Object.fromEntries(said)
  })
}

const DEFAULTS: ReadonlyMap<string, unknown> = new Map(
  Object.entries(parseRequest({ object: 'Contact', source: { type: 'ids', ids: [] } }, 0)).filter(
    ([field]) => field !== 'id' && field !== 'object' && field !== 'source',
  ),
)

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, sortKeys(field)]),
  )
}

/** The parts of a request that distinguish it from another with the same id. */
type Identified = Pick<RequestRecord, 'request' | 'staged' | 'content'>

/**
 * How two requests with one id differ: names of fields, and the source's content by digest. Empty
 * if they are the same. Values are never included, because they may be personal data.
 *
 * A file is identified by its bytes, wherever it is. Its path is compared only if one side's bytes
 * are unknown, because the submitting process did not see the file and it is not planned yet.
 */
export function differences(known: Identified, now: Identified): readonly string[] {
  const fields = new Set([...Object.keys(known.request), ...Object.keys(now.request)])
  const said = { known: fieldsOf(known.request), now: fieldsOf(now.request) }
  const differing = [...fields].filter(
    (field) =>
      field !== 'id' && field !== 'source' && said.known.get(field) !== said.now.get(field),
  )
  return [...differing, ...sourceDifferences(known, now)]
}

/** Field values as JSON, whatever the order of labels. */
function fieldsOf(request: StoredRequest): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(request).map(([field, value]) => [field, JSON.stringify(sortKeys(value))]),
  )
}

function sourceDifferences(known: Identified, now: Identified): readonly string[] {
  const [before, after] = [listsOf(known.request.source), listsOf(now.request.source)]
  const isAlike =
    before.length === after.length && before.every((one, n) => one.at === after[n]?.at)
  if (!isAlike) return ['source']
  return before.flatMap((was, n) => {
    const is = after[n] ?? was
    return listDifferences({ ...known, ...was }, { ...now, ...is })
  })
}

/** A list of a request's source. */
type IdentifiedList = Identified & ListAt<StoredList>

function listDifferences(known: IdentifiedList, now: IdentifiedList): readonly string[] {
  const [before, after] = [known.list, now.list]
  const name = ['source', ...(known.at === '' ? [] : [known.at])].join('.')
  if (before.type !== after.type) return [`${name}.type`]
  const column = columnOf(before) === columnOf(after) ? [] : [`${name}.column`]
  const [was, is] = [contentOf(known), contentOf(now)]
  if (was !== null && is !== null) {
    return was.sha256 === is.sha256 ? column : [...column, otherContent(known.at, was, is)]
  }
  const [there, here] = [fieldsOfSource(before), fieldsOfSource(after)]
  const moved = Object.keys(there).filter((field) => there[field] !== here[field])
  return [...column, ...moved.map((field) => `${name}.${field}`)]
}

/** As JSON, without those that are compared otherwise. */
function fieldsOfSource(source: StoredSource): Readonly<Record<string, string>> {
  const fields = Object.entries(source).filter(
    ([field]) => field !== 'column' && field !== 'sha256',
  )
  return Object.fromEntries(fields.map(([field, value]) => [field, JSON.stringify(value)]))
}

/** Bytes are null if only the digest is known. */
type Content = Pick<SourceContent, 'sha256'> & { readonly bytes: number | null }

/** The planned content, or else the submitted content. */
function contentOf({ at, list, staged, content }: IdentifiedList): Content | null {
  const part = staged?.parts?.find((one) => one.at === at)
  const whole = staged?.parts === undefined ? staged : null
  const known: SourceContent | Staged | null = part ?? (at === '' ? (content ?? whole) : null)
  if (known !== null) return known
  const said = digestOf(list)
  return said === undefined ? null : { sha256: said, bytes: null }
}

function otherContent(at: string, was: Content, is: Content): string {
  const what = at === '' ? 'its source' : nameOfList(at)
  return `the content of ${what}: then ${showContent(was)}, now ${showContent(is)}`
}

function showContent({ bytes, sha256 }: Content): string {
  return bytes === null ? `sha256 ${sha256}` : `${bytes} bytes, sha256 ${sha256}`
}

const columnOf = (list: StoredList): string | undefined =>
  'column' in list ? list.column : undefined

/** The content's digest, if the caller or the accepting process provided it. */
const digestOf = (list: StoredList): string | undefined =>
  'sha256' in list ? list.sha256 : undefined

const placeOf = (list: StoredList): Readonly<Record<string, string>> => kindOf(list).place(list)
