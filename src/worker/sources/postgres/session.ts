import { once } from 'node:events'
import type { ConnectionOptions } from 'node:tls'
import type { Client, ClientConfig } from 'pg'
import { z } from 'zod'
import type { PostgresConnection } from '../../../shared/config/config.ts'
import { Description } from './describe.ts'
import { isDatabaseError, withoutDriver } from './errors.ts'

/** How often the server checks, while a query runs, that this process is still there. */
const CHECK_MS = 500
/** How long after the server's own limit a silent connection is given up. */
const GRACE_MS = 10_000

/**
 * A connection in a read-only transaction. Closing it early breaks the connection. That ends its
 * query on the server within half a second, even before its first row (PostgreSQL 14 or later).
 *
 * Methods reject with the errors of pg and Node.
 */
export class Session implements AsyncDisposable {
  readonly #client: Client
  readonly #connection: PostgresConnection

  /** Does not connect yet. @throws SourceError if the driver is not installed */
  static async create(connection: PostgresConnection): Promise<Session> {
    // Loaded on use: most workers have no database.
    const [{ Client }] = await Promise.all([import('pg'), import('pg-copy-streams')]).catch(
      (error: unknown) => {
        throw withoutDriver(error)
      },
    )
    return new Session(new Client(clientConfig(connection)), connection)
  }

  private constructor(client: Client, connection: PostgresConnection) {
    this.#client = client
    this.#connection = connection
    // Whoever waits for an answer gets the error.
    client.on('error', () => {})
  }

  async open(): Promise<void> {
    const { connectMs, queryMs } = this.#connection
    await this.#client.connect()
    using _ = this.#watchdog(connectMs)
    await this.#client.query(
      `BEGIN READ ONLY; SET LOCAL statement_timeout = ${queryMs}; ` +
        `SET LOCAL idle_in_transaction_session_timeout = ${GRACE_MS}; SAVEPOINT begun`,
    )
    // Servers before 14, and those on Windows, refuse it.
    const check = `SET LOCAL client_connection_check_interval = ${CHECK_MS}`
    await this.#client.query(check).catch(async (error: unknown) => {
      if (!isDatabaseError(error)) throw error
      await this.#client.query('ROLLBACK TO SAVEPOINT begun')
    })
  }

  /** The columns of a statement, by name and in order. It is not run. */
  async describe(text: string): Promise<readonly string[]> {
    using _ = this.#watchdog(this.#connection.queryMs + GRACE_MS)
    return await this.#client.query(new Description(text)).columns
  }

  async facts(): Promise<ServerFacts> {
    using _ = this.#watchdog(this.#connection.connectMs)
    const { rows } = await this.#client.query(FACTS)
    return z.tuple([serverFacts]).parse(rows)[0]
  }

  /** The bytes that COPY … TO STDOUT sends. */
  async *copy(text: string): AsyncGenerator<Uint8Array> {
    const { to } = await import('pg-copy-streams')
    const rows = this.#client.query(to(text, { highWaterMark: BLOCK_BYTES }))
    // After the loop was left, nobody else listens.
    rows.on('error', () => {})
    using watchdog = this.#watchdog(this.#connection.queryMs + GRACE_MS)
    for await (const block of rows) {
      yield block
      watchdog.refresh()
    }
  }

  /**
   * Ends the transaction and the connection. Rolls back, because a read-only transaction still sends
   * notifications when it commits, and before PostgreSQL 16 creates large objects.
   */
  async end(): Promise<void> {
    using _ = this.#watchdog(this.#connection.connectMs)
    await this.#client.query('ROLLBACK')
    await this.#client.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stream } = this.#client.connection
    if (stream.closed) return
    const closed = once(stream, 'close')
    this.#break()
    await closed
  }

  /**
   * Breaks the connection after so many milliseconds, unless disposed: a frozen server, or one behind
   * a lost route, sends no error and no end.
   */
  #watchdog(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#break(new Error('timeout expired')), ms)
  }

  /** What waits for an answer is rejected. */
  #break(error?: Error): void {
    this.#client.connection.stream.destroy(error)
  }

  /** Breaks the connection once the signal aborts, until disposed. */
  endOn(signal: AbortSignal): Disposable {
    const abort = () => this.#break()
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    return { [Symbol.dispose]: () => signal.removeEventListener('abort', abort) }
  }
}

const FACTS = `SELECT current_setting('server_version') AS version, current_user AS "user", rolsuper AS "isSuperuser",
  coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS "isEncrypted"
  FROM pg_roles WHERE rolname = current_user`

const serverFacts = z.object({
  /** `15.18 (Debian 15.18-0+deb12u1)` */
  version: z.string(),
  user: z.string(),
  isSuperuser: z.boolean(),
  isEncrypted: z.boolean(),
})
type ServerFacts = Readonly<z.output<typeof serverFacts>>

/** As much as the planner reads of a file at once. */
const BLOCK_BYTES = 512 * 1024

/** Everything is given, so that pg takes nothing from PG* variables and `.pgpass`. */
function clientConfig({ server, ca, connectMs }: PostgresConnection): ClientConfig {
  const { host, port, database, user, password, sslmode } = server
  return {
    ...{ host, port, database, user, password: () => password },
    ssl: tlsOptions(sslmode, ca),
    application_name: 'expunge',
    options: '',
    connectionTimeoutMillis: connectMs,
    ...{ keepAlive: true, keepAliveInitialDelayMillis: 10_000 },
  }
}

type SslMode = PostgresConnection['server']['sslmode']

function tlsOptions(mode: SslMode, ca: string | undefined): ConnectionOptions | false {
  const trusted = ca === undefined ? {} : { ca }
  switch (mode) {
    case 'disable':
      return false
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { ...trusted, checkServerIdentity: () => undefined }
    case 'verify-full':
      return trusted
    default:
      throw new TypeError(`Unknown mode ${String(mode satisfies never)}`)
  }
}
