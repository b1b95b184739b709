import { z } from 'zod'
import { codeSet } from './code-table.ts'

/** The content of an error answer, in whichever form it came. */
interface ErrorBody {
  /** Salesforce's `errorCode` or OAuth's `error`; null if the body is not Salesforce's JSON. */
  readonly code: string | null
  readonly message: string
  /** The body was an HTML page: a front end or a proxy answered, not the API. */
  readonly html: boolean
}

const apiError = z.object({ errorCode: z.string(), message: z.string().nullish() })
const oauthError = z.object({ error: z.string(), error_description: z.string().nullish() })

const errorJson = z.union([
  z.tuple([apiError], z.unknown()).transform((errors) => errors[0]),
  apiError,
  oauthError.transform(({ error, error_description }) => ({
    errorCode: error,
    message: error_description,
  })),
])

/**
 * Parses an error body in any observed form: an array of errors, a single error, the OAuth object,
 * HTML, plain text, nothing, or any of these truncated.
 */
export function parseErrorBody(text: string): ErrorBody {
  const parsed = errorJson.safeParse(jsonOf(text))
  if (parsed.success) {
    return { code: parsed.data.errorCode, message: parsed.data.message ?? '', html: false }
  }
  const html = isPage(text)
  // Removes styles and scripts, so that a page's title and first paragraph remain.
  const words = html
    ? text.replace(/<(style|script)\b.*?(<\/\1>|$)/gis, ' ').replace(/<[^>]*>?/g, ' ')
    : text
  return { code: null, message: words.trim(), html }
}

/**
 * Whether a body is HTML, which the API never sends; judged by its first character, not its header.
 */
export function isPage(text: string): boolean {
  return /^\uFEFF?\s*</.test(text)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * What a refusal concerns, by code and by text: the requested object or operation, or something
 * temporary. Anything in neither table concerns the user, a policy or the org, or is unknown, and
 * must not end a request.
 */

type Said = Pick<ErrorBody, 'code' | 'message'>

/**
 * Codes about the object or the operation (SOAP API, ExceptionCode and StatusCode; Bulk API,
 * AsyncExceptionCode). A retry meets the same refusal until somebody changes the object, its
 * license or the permission for the operation.
 */
const OBJECT_CODES = codeSet(
  'CANNOT_DELETE',
  'CANNOT_DELETE_MANAGED_OBJECT',
  'DELETE_NOT_ALLOWED',
  'EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION',
  'FEATURENOTENABLED',
  'INVALIDENTITY',
  'INVALIDOPERATION',
  'INVALID_TYPE',
  'INVALID_TYPE_FOR_OPERATION',
)

/** The same as text, for codes used for everything, such as API_ERROR. */
const OBJECT_TEXTS: readonly RegExp[] = [
  /\b(entity|object|sobject)\b.{0,120}\b(not|n't) (be deleted|deletable|supported?)\b/i,
  /\bdoes(n't| not) support (bulk|hard ?delete|delete)\b/i,
  /\bhard ?delete\b.{0,80}\bpermission\b/i,
  /\binsufficient access rights on (entity|object|sobject)\b/i,
  // Observed for an object that only the Tooling API deletes.
  /\bcannot specify query parameters on this resource\b/i,
]

/** For FEATURENOTENABLED, which also means that the org, or this user, has no API access. */
const ORG_TEXT =
  /\bnot enabled for (this |the |your )?(org|organization|partner|user)\b|\basync api\b/i

/** True if the refusal concerns the object or the operation: retries cannot help. */
export function isAboutObject({ code, message }: Said): boolean {
  if (ORG_TEXT.test(message)) return false
  return OBJECT_CODES.has(code) || OBJECT_TEXTS.some((text) => text.test(message))
}

const QUERY_CODES = codeSet(
  'INVALID_FIELD',
  'INVALID_QUERY_FILTER_OPERATOR',
  'INVALID_QUERY_SCOPE',
  'MALFORMED_QUERY',
)

/** How Salesforce places an error in a query, after the line that it quotes. */
const IN_QUERY = /\bERROR at Row:(\d+):Column:(\d+)\s*/

/** True if the refusal concerns the query, whose own words the text may quote. */
export function isAboutQuery({ code, message }: Said): boolean {
  return QUERY_CODES.has(code) || IN_QUERY.test(message)
}

/**
 * The message in one line. An error in a query comes as the quoted line, a caret below the place,
 * `ERROR at Row:1:Column:34`, and the text.
 */
export function inWords(message: string): string {
  const found = IN_QUERY.exec(message)
  if (found === null) return message
  const [marker, row, column] = found
  const text = message.slice(found.index + marker.length).trim()
  return `row ${row}, column ${column} of the query: ${text || 'no text'}`
}

const PASSING_TEXT =
  /\btemporar(il)?y unavailable\b|\bun(able|available) to (obtain|lock)\b|\block(ed)?\b|\btry again\b|\btimed? out\b|\bbusy\b/i

/** Somebody has to unlock these. */
const LOCKED_OUT = /\b(account|org|organization|password|user)\b.{0,20}\block/i

/** True if the refusal ends by itself within seconds or minutes. */
export function isPassing({ code, message }: Said): boolean {
  const text = `${(code ?? '').replaceAll('_', ' ')}: ${message}`
  return PASSING_TEXT.test(text) && !LOCKED_OUT.test(text)
}
