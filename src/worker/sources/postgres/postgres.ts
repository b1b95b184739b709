import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../../../shared/base/backoff.ts'
import { RefusedError } from '../../../shared/base/errors.ts'
import type { PostgresConnection } from '../../../shared/config/config.ts'
import type { StoredList } from '../../../shared/contract/sources/sources.ts'
import type { SourceReading } from '../source.ts'
import { cannotConnect, isTransient, queryFailed } from './errors.ts'
import { Session } from './session.ts'

type PostgresSource = Extract<StoredList, { readonly type: 'postgres' }>

/**
 * One column of a query's rows, a value a line as COPY writes it in text format; NULL as an empty
 * line.
 *
 * @throws RefusedError SOURCE_NOT_ALLOWED if the worker has no such connection; NO_ID_COLUMN
 * @throws SourceError
 */
export function openPostgres(
  source: PostgresSource,
  { settings: { connections }, signal }: Pick<SourceReading, 'settings' | 'signal'>,
): AsyncIterable<Uint8Array> {
  const connection = connections.get(source.connection)
  if (connection === undefined) throw notConfigured(source.connection, [...connections.keys()])
  return readQuery(source, connection, signal)
}

/**
 * What `doctor` tells of a connection.
 *
 * @throws SourceError if it cannot be opened
 */
export async function probePostgres(connection: PostgresConnection, signal: AbortSignal) {
  await using session = await connect(connection, signal)
  using _ = session.endOn(signal)
  const facts = await session.facts()
  await session.end()
  return facts
}

async function* readQuery(
  source: PostgresSource,
  connection: PostgresConnection,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  await using session = await connect(connection, signal)
  using _ = session.endOn(signal)
  // People paste queries with the semicolon that ends them elsewhere.
  const query = source.query.replace(/;\s*$/, '')
  const failed = (error: unknown, before: number | null) =>
    signal.aborted ? signal.reason : queryFailed(connection.name, error, { query, before })
  const columns = await session.describe(query).catch((error: unknown) => {
    throw failed(error, null)
  })
  const wanted = columnAt(columns, source.column)
  const { text, before } = copyStatement(query, columns.length, wanted)
  try {
    for await (const block of session.copy(text)) {
      yield block
      signal.throwIfAborted()
    }
    await session.end()
  } catch (error) {
    throw failed(error, before)
  }
}

const RETRIES = 2
const waitBefore = backoff({ first: 250, factor: 4, jitter: [0.75, 1.25] })

/** A session, or after a few retries an error: a database may restart, or have no connection left. */
async function connect(connection: PostgresConnection, signal: AbortSignal): Promise<Session> {
  for (let failures = 1; ; failures++) {
    signal.throwIfAborted()
    const session = await Session.create(connection)
    using _ = session.endOn(signal)
    try {
      await session.open()
      return session
    } catch (error) {
      await session[Symbol.asyncDispose]()
      signal.throwIfAborted()
      if (failures > RETRIES || !isTransient(error)) throw cannotConnect(connection.name, error)
    }
    await delay(waitBefore(failures), undefined, { signal }).catch(() => {})
  }
}

/** The position of the wanted column: the named one, in its own case or else in any; else the first. */
function columnAt(columns: readonly string[], wanted: string | undefined): number {
  if (wanted === undefined && columns.length > 0) return 0
  const exact = positionsOf((name) => name === wanted)
  const found = exact.length > 0 ? exact : positionsOf((name) => isSameText(name, wanted))
  const [position] = found
  if (position !== undefined && found.length === 1) return position
  throw noColumn(columns, wanted, found.length)

  function positionsOf(test: (name: string) => boolean): readonly number[] {
    return columns.flatMap((name, at) => (test(name) ? [at] : []))
  }
}

const isSameText = (a: string, b: string | undefined): boolean =>
  a.toLowerCase() === b?.toLowerCase()

function noColumn(
  columns: readonly string[],
  wanted: string | undefined,
  found: number,
): RefusedError {
  const names = columns.map((name) => JSON.stringify(name)).join(', ')
  const returned = columns.length === 0 ? 'no columns' : `the columns ${names}`
  const why =
    wanted === undefined
      ? 'expected a query that returns rows'
      : `expected ${found > 1 ? 'only one' : 'a'} column ${JSON.stringify(wanted)}`
  return new RefusedError(
    found > 1 ? 'AMBIGUOUS_ID_COLUMN' : 'NO_ID_COLUMN',
    `The query returns ${returned}: ${why}. Correct the query or the column.`,
  )
}

/**
 * The query as a subquery whose columns are renamed by position: names may repeat. PostgreSQL has
 * parsed the query alone, so its parentheses and quotes are closed; the line break ends a comment.
 */
function copyStatement(
  query: string,
  columns: number,
  wanted: number,
): { readonly text: string; readonly before: number } {
  const names = Array.from({ length: columns }, (_, at) => `c${at}`)
  const head = `COPY (SELECT q.c${wanted} FROM (\n`
  const text = `${head}${query}\n) AS q (${names.join(', ')})) TO STDOUT (NULL '')`
  return { text, before: head.length }
}

function notConfigured(name: string, known: readonly string[]): RefusedError {
  const configured = known.length === 0 ? 'none is configured' : `configured: ${known.join(', ')}`
  return new RefusedError(
    'SOURCE_NOT_ALLOWED',
    `The worker has no PostgreSQL connection ${name} (${configured}). ` +
      `Correct the name, or add sources.connections.${name} to the configuration of the workers.`,
  )
}
