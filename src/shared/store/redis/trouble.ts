import { codeOf, ExpungeError, messageOf } from '../../base/errors.ts'
import { plainCause } from '../../base/plain-cause.ts'

/**
 * Problems of Redis itself, independent of the command. All of them end once the server or the
 * settings are fixed.
 *
 * - `REDIS_AWAY`: no answer, or no connection.
 * - `REDIS_LOADING`: it starts, or a replica fetches its data.
 * - `REDIS_FULL`: at `maxmemory`; commands that free memory still work.
 * - `REDIS_READ_ONLY`: a replica, or a primary that has become one.
 * - `REDIS_NOT_WRITING`: its disk is full or fails, or it has too few replicas.
 * - `REDIS_NOT_REPLICATED`: fewer replicas than required have the data.
 * - `REDIS_BUSY`: another client's script blocks it.
 * - `REDIS_LOGIN`: it refuses user or password.
 * - `REDIS_FORBIDDEN`: its ACL denies the user a command or a key.
 * - `REDIS_DATABASE`: it has no database with that number.
 * - `REDIS_PROTOCOL`: TLS fails, only one side uses it, or the server is not Redis.
 */
export type RedisTrouble =
  | 'REDIS_AWAY'
  | 'REDIS_LOADING'
  | 'REDIS_FULL'
  | 'REDIS_READ_ONLY'
  | 'REDIS_NOT_WRITING'
  | 'REDIS_NOT_REPLICATED'
  | 'REDIS_BUSY'
  | 'REDIS_LOGIN'
  | 'REDIS_FORBIDDEN'
  | 'REDIS_DATABASE'
  | 'REDIS_PROTOCOL'

/** Problems that waiting does not solve: a starting process reports them and exits. */
const LASTING: ReadonlySet<RedisTrouble> = new Set([
  'REDIS_LOGIN',
  'REDIS_FORBIDDEN',
  'REDIS_DATABASE',
  'REDIS_PROTOCOL',
])

export function isLasting(trouble: RedisTrouble): boolean {
  return LASTING.has(trouble)
}

/** Redis cannot do it now; a later retry may succeed. */
export class RedisUnavailableError extends ExpungeError {
  readonly code: RedisTrouble
  override readonly retryable = true
  /** The reason alone, as the server or the network reported it. */
  readonly detail: string
  readonly #note: string

  /**
   * @param note what the problem means for the caller
   * @param server its name, with the address where that is known
   */
  constructor(code: RedisTrouble, detail: string, note = '', server = 'Redis') {
    super(`${server} ${wordsFor(code, detail)}${note === '' ? '' : ` ${note}`}`)
    this.code = code
    this.detail = detail
    this.#note = note
  }

  /** @param address without a password */
  at(address: string): RedisUnavailableError {
    return new RedisUnavailableError(this.code, this.detail, this.#note, `Redis at ${address}`)
  }
}

const BY_WORD: ReadonlyMap<string, RedisTrouble> = new Map(
  Object.entries({
    OOM: 'REDIS_FULL',
    READONLY: 'REDIS_READ_ONLY',
    MISCONF: 'REDIS_NOT_WRITING',
    NOREPLICAS: 'REDIS_NOT_WRITING',
    LOADING: 'REDIS_LOADING',
    MASTERDOWN: 'REDIS_LOADING',
    CLUSTERDOWN: 'REDIS_LOADING',
    BUSY: 'REDIS_BUSY',
    NOAUTH: 'REDIS_LOGIN',
    WRONGPASS: 'REDIS_LOGIN',
    // Protected mode: a server without a password was called from another machine.
    DENIED: 'REDIS_LOGIN',
    NOPERM: 'REDIS_FORBIDDEN',
    NOPROTO: 'REDIS_PROTOCOL',
  } as const),
)

/** First word of a server's error; Redis 6.2 wraps script errors in a text. */
const WORD = /^(?:ERR Error running script .*? -)?([A-Z]+) /s

/** Messages of ioredis about a failed connection. */
const NO_CONNECTION =
  /^(?:Connection is closed|Command timed out|Socket timeout|Stream isn't writeable|Command aborted due to connection close|All sentinels are unreachable|Failed to refresh slots cache|None of startup nodes is available|Too many Cluster redirections)/

/** A server at `maxclients`: its error starts with a generic word, and it closes the connection. */
const CROWDED = /^ERR max number of clients/

/** Null if the error says nothing about the state of Redis: then it is a bug. */
export function troubleOf(error: unknown): RedisTrouble | null {
  if (!(error instanceof Error)) return null
  if (error instanceof RedisUnavailableError) return error.code
  if (isReply(error)) {
    if (CROWDED.test(error.message)) return 'REDIS_AWAY'
    return BY_WORD.get(WORD.exec(error.message)?.[1] ?? '') ?? null
  }
  if ('lastNodeError' in error) return troubleOf(error.lastNodeError) ?? 'REDIS_AWAY'
  if (isProtocolError(error)) return 'REDIS_PROTOCOL'
  const isAway = error.name === 'MaxRetriesPerRequestError' || NO_CONNECTION.test(error.message)
  return isAway ? 'REDIS_AWAY' : null
}

/** Error codes of OpenSSL and Node for TLS or certificate problems. */
const TLS_CODE =
  /^(?:EPROTO|ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|HOSTNAME_MISMATCH)|SELF_SIGNED|CERTIFICATE|INVALID_CA/

/** ioredis's decoder error for bytes that are not a Redis reply, such as a web server's. */
const UNREADABLE = /^Unknown RESP type/

/** Whether retries cannot help, because the other side uses another protocol. */
function isProtocolError(error: Error): boolean {
  return UNREADABLE.test(error.message) || TLS_CODE.test(codeOf(error) ?? '')
}

/** The error of the last node, if no node of a cluster could be used. */
export function reasonOf(error: unknown): unknown {
  return error instanceof Error && 'lastNodeError' in error && error.lastNodeError instanceof Error
    ? error.lastNodeError
    : error
}

/** The reason, without advice. */
export function detailOf(error: unknown): string {
  const reason = reasonOf(error)
  if (reason instanceof RedisUnavailableError) return reason.detail
  const text = messageOf(reason)
  if (UNREADABLE.test(text)) return 'it answers, but not as a Redis does'
  // The text continues within a sentence.
  return plainCause(text.trim().replace(/\.$/, ''))
}

/**
 * Whether the error says only that there is no connection. A server that hangs, or that expects
 * TLS, looks the same.
 */
export function isVague(error: Error): boolean {
  if (error instanceof RedisUnavailableError || isReply(error)) return false
  return (
    troubleOf(error) === 'REDIS_AWAY' ||
    /^(?:ETIMEDOUT|ECONNRESET|EPIPE)$/.test(codeOf(error) ?? '')
  )
}

/** Whether the server replied: a refused command was not executed. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}

/**
 * Runs Redis calls for a caller who should see what went wrong.
 *
 * @param note what the problem means for this caller
 * @throws RedisUnavailableError if Redis is the problem; other errors unchanged
 */
export async function explained<T>(work: () => Promise<T>, note?: string): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const trouble = troubleOf(error)
    if (trouble === null || error instanceof RedisUnavailableError) throw error
    throw new RedisUnavailableError(trouble, detailOf(error), note)
  }
}

/** Continues the name of the server. */
function wordsFor(code: RedisTrouble, detail: string): string {
  switch (code) {
    case 'REDIS_AWAY':
      return `does not answer (${detail}). Check that the server runs and can be reached, and try again.`
    case 'REDIS_LOADING':
      return `is not ready yet (${detail}). Try again once it has its data.`
    case 'REDIS_FULL':
      return 'is full: it has reached maxmemory. Raise maxmemory, or try again once requests have ended.'
    case 'REDIS_READ_ONLY':
      return 'takes no writes: the server is a replica. Name the primary in REDIS_URL, or have Sentinel find it (configuration file).'
    case 'REDIS_NOT_WRITING':
      return `takes no writes (${detail}). Look into the disk, the log and the replicas of the server.`
    case 'REDIS_NOT_REPLICATED':
      return `did not replicate it (${detail}). Look into the replicas of the server.`
    case 'REDIS_BUSY':
      return `is held up (${detail}). Try again in a while.`
    case 'REDIS_LOGIN':
      return `refuses the login (${detail}). Check user and password, as in REDIS_URL.`
    case 'REDIS_FORBIDDEN':
      return `does not let this user do it (${detail}). Give the user the rights listed in docs/deployment.md; expunge doctor names those that are missing.`
    case 'REDIS_DATABASE':
      return `refuses the database (${detail}). Name one that the server has, as in REDIS_URL=redis://host:6379/0; CONFIG GET databases tells how many.`
    case 'REDIS_PROTOCOL':
      return `cannot be talked to (${detail}). Check host and port, and TLS: rediss:// or tls: true where the server expects it, with the ca that signed its certificate.`
    default:
      throw new TypeError(`Unknown trouble ${String(code satisfies never)}`)
  }
}
