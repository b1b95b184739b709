import type { Staged, StoredRequest } from '../../contract/request.ts'
import type { SourceContent } from '../../contract/source-file.ts'
import type { RequestRecord } from '../ledger/record.ts'

/** A request as it is told from another of the same id. */
export type Identified = Pick<RequestRecord, 'request' | 'staged' | 'content'>

/**
 * In what two requests of one id differ: names of fields, and the content of the source by its digest.
 * Empty where they are the same. Values are never told, for they may be personal data.
 *
 * A file is known by its bytes, wherever it lies. Only where those of one side are unknown, because
 * whoever submitted it did not see the file and it is not planned yet, its path has to do.
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

/** Each as it is written: all of a request's own fields are words, numbers and null. */
function fieldsOf(request: StoredRequest): ReadonlyMap<string, string> {
  return new Map(Object.entries(request).map(([field, value]) => [field, JSON.stringify(value)]))
}

function sourceDifferences(known: Identified, now: Identified): readonly string[] {
  const [before, after] = [known.request.source, now.request.source]
  if (before.type !== after.type) return ['source.type']
  const column = columnOf(before) === columnOf(after) ? [] : ['source.column']
  const [was, is] = [contentOf(known), contentOf(now)]
  if (was !== null && is !== null) {
    return was.sha256 === is.sha256 ? column : [...column, otherContent(was, is)]
  }
  const isSamePlace = pathOf(before) === pathOf(after)
  return isSamePlace ? column : [...column, 'source.path']
}

/** Bytes are null where only the digest was given. */
type Content = Pick<SourceContent, 'sha256'> & { readonly bytes: number | null }

/** What was planned, or else what was submitted. */
function contentOf({ request: { source }, staged, content }: Identified): Content | null {
  const known: SourceContent | Staged | null = content ?? staged
  if (known !== null) return known
  const said = source.type === 'file' ? source.sha256 : undefined
  return said === undefined ? null : { sha256: said, bytes: null }
}

function otherContent(was: Content, is: Content): string {
  return `the content of its source: then ${inWords(was)}, now ${inWords(is)}`
}

function inWords({ bytes, sha256 }: Content): string {
  return bytes === null ? `sha256 ${sha256}` : `${bytes} bytes, sha256 ${sha256}`
}

const columnOf = (source: StoredRequest['source']): string | undefined =>
  'column' in source ? source.column : undefined

const pathOf = (source: StoredRequest['source']): string | undefined =>
  'path' in source ? source.path : undefined
