import { z } from 'zod'
import { codeOf, messageOf, SourceError } from '../../../shared/base/errors.ts'
import { plainCause } from '../../../shared/base/plain-cause.ts'

/** An error of the server. Its other fields, such as `detail`, may quote rows. */
const databaseError = z.object({
  severity: z.string(),
  code: z.string(),
  message: z.string(),
  /** Of a character in the statement, from 1. */
  position: z.string().optional(),
})

export const isDatabaseError = (error: unknown): boolean => databaseError.safeParse(error).success

/** What to throw if the driver, two optional packages, could not be loaded. */
export function withoutDriver(error: unknown): unknown {
  if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') return error
  return new SourceError(
    'SOURCE_NOT_READABLE',
    'The packages pg and pg-copy-streams, which the source postgres needs, are not both installed. ' +
      'Install them with expunge-cli: npm install pg pg-copy-streams (npm leaves them out with --omit=optional).',
    { cause: error },
  )
}

/** The connection could not be opened; nothing was read. */
export function cannotConnect(name: string, error: unknown): SourceError {
  const { data } = databaseError.safeParse(error)
  const why = data === undefined ? transportWords(error) : `${data.message} (${data.code})`
  return new SourceError(
    'SOURCE_NOT_READABLE',
    `Cannot connect to the PostgreSQL connection ${name}: ${why}. ` +
      `Check sources.connections.${name} in the configuration of the workers, and that they reach the server.`,
    { cause: error },
  )
}

/** Whether the same may succeed in a moment: the server starts, or has no connection left. */
export function isTransient(error: unknown): boolean {
  const { data } = databaseError.safeParse(error)
  if (data !== undefined) return /^(?:08|53300|57P0[123])/.test(data.code)
  return NETWORK.test(`${codeOf(error)} ${messageOf(error)}`)
}

const NETWORK =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|Connection terminated|timeout expired/

/** The text of a statement that failed. */
interface Statement {
  readonly query: string
  /** Characters before the query, once it runs; null while it is only parsed. */
  readonly before: number | null
}

/** The server refused the query, or ended it. */
export function queryFailed(
  name: string,
  error: unknown,
  { query, before }: Statement,
): SourceError {
  const { data } = databaseError.safeParse(error)
  if (data === undefined) return lost(name, error)
  const { code, message, position } = data
  const at = position === undefined ? null : placeIn(query, Number(position) - (before ?? 0))
  const isTold = before === null || TELLS_NO_VALUE.test(code)
  const told = isTold ? `${message} (${code})` : `the error ${code}`
  const where = at === null ? '' : `, at ${at}`
  return new SourceError(
    'SOURCE_QUERY_FAILED',
    `The query failed on the PostgreSQL connection ${name}: ${told}${where}. ${adviceOn(code, name)}`,
    { cause: error },
  )
}

/**
 * SQLSTATEs whose messages name objects, limits or connections. Others may quote a value of a row,
 * which may be personal data: `invalid input syntax for type integer: "…"`.
 */
const TELLS_NO_VALUE = /^(?:08|25|28|3[BD]|40|42|5[3-8])/

function adviceOn(code: string, name: string): string {
  if (code === '57014') {
    return `Make it faster, or raise sources.connections.${name}.queryMs, and submit it under a new id.`
  }
  if (code.startsWith('42501'))
    return 'Grant the role the right to read it, and submit it under a new id.'
  if (code.startsWith('25')) return 'Only queries that change nothing are run.'
  return /^(?:08|40|5[3578])/.test(code)
    ? 'Submit it under a new id once the database is available.'
    : 'Correct the query, and submit it under a new id.'
}

function lost(name: string, error: unknown): SourceError {
  return new SourceError(
    'SOURCE_TRUNCATED',
    `The PostgreSQL connection ${name} was lost while the query ran: ${transportWords(error)}. ` +
      'Submit it under a new id once the database is available.',
    { cause: error },
  )
}

/** pg's own texts do not say more, and Node's name no secret. */
function transportWords(error: unknown): string {
  const text = messageOf(error)
  if (/^(?:Connection terminated|timeout expired)/.test(text)) {
    return text.startsWith('timeout') ? 'there was no answer in time' : 'the connection was closed'
  }
  return plainCause(text, codeOf(error))
}

/** `line 2, column 8`; null if it is outside the query. */
function placeIn(query: string, position: number): string | null {
  const before = [...query].slice(0, position - 1)
  if (position < 1 || before.length < position - 1) return null
  const lines = before.join('').split('\n')
  return `line ${lines.length}, column ${[...(lines.at(-1) ?? '')].length + 1}`
}
