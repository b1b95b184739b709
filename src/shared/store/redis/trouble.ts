import { codeOf, ExpungeError, messageOf } from '../../base/errors.ts'

/**
 * What is wrong with Redis itself, whatever it was asked: none of it is the fault of a command, and
 * all of it passes once somebody mends the server or the settings.
 *
 * - `REDIS_AWAY`: no answer, or no connection.
 * - `REDIS_LOADING`: it starts, or a replica fetches its data.
 * - `REDIS_FULL`: at `maxmemory`; what frees memory is still done.
 * - `REDIS_READ_ONLY`: a replica, or a primary that has become one.
 * - `REDIS_NOT_WRITING`: its disk is full or fails, or too few replicas follow it.
 * - `REDIS_NOT_REPLICATED`: fewer replicas than asked for have what was written.
 * - `REDIS_BUSY`: a script of somebody else's holds it up.
 * - `REDIS_LOGIN`: it refuses user or password.
 * - `REDIS_FORBIDDEN`: its ACL denies the user a command or a key.
 * - `REDIS_DATABASE`: it has no database of that number.
 * - `REDIS_PROTOCOL`: TLS fails, one side speaks it and the other does not, or it is no Redis.
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

/** Those that no waiting ends: a process that starts says so and exits. */
const LASTING: ReadonlySet<RedisTrouble> = new Set([
  'REDIS_LOGIN',
  'REDIS_FORBIDDEN',
  'REDIS_DATABASE',
  'REDIS_PROTOCOL',
])

export function isLasting(trouble: RedisTrouble): boolean {
  return LASTING.has(trouble)
}

/** Redis cannot do it now. Whoever asks again later may well be served. */
export class RedisUnavailableError extends ExpungeError {
  readonly code: RedisTrouble
  override readonly retryable = true
  /** The reason alone, in the words of the server or the network. */
  readonly detail: string

  constructor(code: RedisTrouble, detail: string, note = '') {
    super(`${wordsFor(code, detail)}${note === '' ? '' : ` ${note}`}`)
    this.code = code
    this.detail = detail
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
    // Protected mode: a server without a password that was asked from another machine.
    DENIED: 'REDIS_LOGIN',
    NOPERM: 'REDIS_FORBIDDEN',
    NOPROTO: 'REDIS_PROTOCOL',
  } as const),
)

/** The word that a server's error begins with; Redis 6.2 wraps those of a script in a text. */
const WORD = /^(?:ERR Error running script .*? -)?([A-Z]+) /s

/** What ioredis says where the connection is the trouble. */
const NO_CONNECTION =
  /^(?:Connection is closed|Command timed out|Socket timeout|Stream isn't writeable|Command aborted due to connection close|All sentinels are unreachable|Failed to refresh slots cache|None of startup nodes is available|Too many Cluster redirections)/

/** A server at `maxclients`, with an error that begins with no word of its own; it closes the connection. */
const CROWDED = /^ERR max number of clients/

/** Null where the error says nothing about the state of Redis: then it is a defect. */
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

/** OpenSSL's and Node's codes where TLS or a certificate is the trouble. */
const TLS_CODE =
  /^(?:EPROTO|ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|HOSTNAME_MISMATCH)|SELF_SIGNED|CERTIFICATE|INVALID_CA/

/** What ioredis's decoder says of bytes that are no answer of a Redis, such as a web server's. */
const UNREADABLE = /^Unknown RESP type/

/** Whether the other side cannot be talked to in this way, however often it is tried. */
function isProtocolError(error: Error): boolean {
  return UNREADABLE.test(error.message) || TLS_CODE.test(codeOf(error) ?? '')
}

/** Of a cluster none of whose nodes could be used, why the last one could not. */
export function reasonOf(error: unknown): unknown {
  return error instanceof Error && 'lastNodeError' in error && error.lastNodeError instanceof Error
    ? error.lastNodeError
    : error
}

/** Why, without advice. */
export function detailOf(error: unknown): string {
  const reason = reasonOf(error)
  if (reason instanceof RedisUnavailableError) return reason.detail
  const text = messageOf(reason)
  if (UNREADABLE.test(text)) return 'it answers, but not as a Redis does'
  // It goes on within a sentence.
  return text.trim().replace(/\.$/, '')
}

/** Whether it says no more than that there is no connection: a server looks like that which is stuck, or speaks TLS where we do not. */
export function isVague(error: Error): boolean {
  if (error instanceof RedisUnavailableError || isReply(error)) return false
  return (
    troubleOf(error) === 'REDIS_AWAY' ||
    /^(?:ETIMEDOUT|ECONNRESET|EPIPE)$/.test(codeOf(error) ?? '')
  )
}

/** Whether the server has answered: what it refused it has not done. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}

/**
 * Does something with Redis for a caller who is to understand what went wrong.
 *
 * @param note what trouble means for this caller
 * @throws RedisUnavailableError where Redis is the trouble; all else as it came
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

function wordsFor(code: RedisTrouble, detail: string): string {
  switch (code) {
    case 'REDIS_AWAY':
      return `Redis does not answer (${detail}). Check that the server runs and can be reached, and try again.`
    case 'REDIS_LOADING':
      return `Redis is not ready yet (${detail}). Try again once it has its data.`
    case 'REDIS_FULL':
      return 'Redis is full: it has reached maxmemory. Raise maxmemory, or try again once requests have ended.'
    case 'REDIS_READ_ONLY':
      return 'Redis takes no writes: the server is a replica. Name the primary in REDIS_URL, or have Sentinel find it (configuration file).'
    case 'REDIS_NOT_WRITING':
      return `Redis takes no writes (${detail}). Look into the disk, the log and the replicas of the server.`
    case 'REDIS_NOT_REPLICATED':
      return `Redis did not replicate it (${detail}). Look into the replicas of the server.`
    case 'REDIS_BUSY':
      return `Redis is held up (${detail}). Try again in a while.`
    case 'REDIS_LOGIN':
      return `Redis refuses the login (${detail}). Check user and password, as in REDIS_URL.`
    case 'REDIS_FORBIDDEN':
      return `Redis does not let this user do it (${detail}). Give the user the rights listed in docs/deployment.md; expunge doctor names those that are missing.`
    case 'REDIS_DATABASE':
      return `Redis refuses the database (${detail}). Name one that the server has, as in REDIS_URL=redis://host:6379/0; CONFIG GET databases tells how many.`
    case 'REDIS_PROTOCOL':
      return `Redis cannot be talked to (${detail}). Check host and port, and TLS: rediss:// or tls: true where the server expects it, with the ca that signed its certificate.`
    default:
      throw new TypeError(`Unknown trouble ${String(code satisfies never)}`)
  }
}
