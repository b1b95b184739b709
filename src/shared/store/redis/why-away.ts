import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Redis, RedisOptions } from 'ioredis'
import { type HostAndPort, loginOf, type RedisPlace, tlsOptions } from './place.ts'
import { StrictRedis } from './strict.ts'
import {
  detailOf,
  isLasting,
  isReply,
  type RedisTrouble,
  RedisUnavailableError,
  troubleOf,
} from './trouble.ts'
import { lastingIn } from './usable.ts'

/**
 * Finds out why no connection was possible. For a cluster, for Sentinels, and for a server that
 * expects TLS when we do not use it, ioredis reports only a closed connection. Here each server is
 * asked separately.
 */

/** Timeout; a server that accepts and never answers is a fault too. */
const WITHIN_MS = 2000

type Fault = { readonly trouble: RedisTrouble; readonly detail: string }

/** @returns null if nothing is wrong (any more) */
export async function whyAway(place: RedisPlace): Promise<RedisUnavailableError | null> {
  const faults = await faultsOf(place)
  if (faults === null) return null
  const [worst] = faults.toSorted(
    (a, b) => Number(isLasting(b.trouble)) - Number(isLasting(a.trouble)),
  )
  if (worst === undefined) return null
  const details = new Set(faults.map(({ detail }) => detail))
  return new RedisUnavailableError(worst.trouble, [...details].join('; '))
}

/**
 * Replaces an error that only says that nobody answers by its reason.
 *
 * @returns RedisUnusableError if waiting does not help
 */
export async function withReason(place: RedisPlace, error: unknown): Promise<unknown> {
  if (troubleOf(error) !== 'REDIS_AWAY') return error
  const why = await whyAway(place)
  return why === null ? error : (lastingIn(why) ?? why)
}

/** The fault of each server asked; null if one of them works. */
async function faultsOf(place: RedisPlace): Promise<readonly Fault[] | null> {
  switch (place.kind) {
    case 'url': {
      const { hostname, port, protocol } = new URL(place.url)
      const tls = protocol === 'rediss:' ? (place.tls ?? {}) : undefined
      const at = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) }
      return allOf([await ask(new StrictRedis(place.url, optionsFor(tls)), at, tls, PING)])
    }
    case 'socket':
      return allOf([
        await ask(
          new StrictRedis({ path: place.path, ...optionsFor(undefined) }),
          null,
          undefined,
          PING,
        ),
      ])
    case 'sentinel':
      return faultsBySentinel(place)
    case 'cluster': {
      const { nodes, username, password } = place
      const tls = tlsOptions(place.tls)
      const login = loginOf(username, password)
      return allOf(
        await Promise.all(
          nodes.map((at) =>
            ask(new StrictRedis({ ...at, ...login, ...optionsFor(tls) }), at, tls, CLUSTER_STATE),
          ),
        ),
      )
    }
    default:
      throw new TypeError(`Unknown kind of Redis: ${String(place satisfies never)}`)
  }
}

async function faultsBySentinel(
  place: Extract<RedisPlace, { kind: 'sentinel' }>,
): Promise<readonly Fault[] | null> {
  const tls = tlsOptions(place.tls)
  const sentinelTls = place.sentinelTls === false ? undefined : tls
  let primary: HostAndPort | null = null
  const nameOf: Question = async (redis) => {
    const answer = await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', place.name)
    if (!Array.isArray(answer)) {
      throw new RedisUnavailableError('REDIS_AWAY', `knows no primary of the name ${place.name}`)
    }
    primary = { host: String(answer[0]), port: Number(answer[1]) }
    return null
  }
  const asked = place.sentinels.map((at) => {
    const login = loginOf(undefined, place.sentinelPassword)
    return ask(
      new StrictRedis({ ...at, ...login, ...optionsFor(sentinelTls) }),
      at,
      sentinelTls,
      nameOf,
    )
  })
  const faults = allOf(await Promise.all(asked))
  if (primary === null) return faults
  const at: HostAndPort = primary
  const login = loginOf(place.username, place.password)
  return allOf([await ask(new StrictRedis({ ...at, ...login, ...optionsFor(tls) }), at, tls, PING)])
}

const allOf = (asked: readonly (Fault | null)[]): readonly Fault[] | null =>
  asked.every((fault) => fault !== null) ? asked : null

/** What is wrong with the answer; null if nothing is. */
type Question = (redis: Redis) => Promise<string | null>

const PING: Question = async (redis) => {
  await redis.ping()
  return null
}

const CLUSTER_STATE: Question = async (redis) => {
  const state = /cluster_state:(\w+)/.exec(String(await redis.cluster('INFO')))?.[1]
  return state === 'ok' ? null : `CLUSTERDOWN, its cluster_state is ${state}`
}

async function ask(
  redis: Redis,
  at: HostAndPort | null,
  tls: object | undefined,
  question: Question,
): Promise<Fault | null> {
  let reported: Error | null = null
  redis.on('error', (error: Error) => {
    reported ??= error
  })
  const where = at === null ? redis._getServerAddress().address : `${at.host}:${at.port}`
  try {
    await redis.connect()
    const answer = await question(redis)
    return answer === null ? null : { trouble: 'REDIS_LOADING', detail: `${where} ${answer}` }
  } catch (error) {
    const reason = reported ?? error
    // An answer with an unknown kind of error means that the server is not what we expect.
    const trouble = troubleOf(reason) ?? (isReply(reason) ? 'REDIS_PROTOCOL' : 'REDIS_AWAY')
    const isPerhaps = trouble === 'REDIS_AWAY' && (tls !== undefined || !isTimeout(reason))
    if (isPerhaps && at !== null && (await isOtherwise(at, tls))) {
      const other = tls === undefined ? 'speaks TLS, and it was not asked to' : 'speaks no TLS'
      return { trouble: 'REDIS_PROTOCOL', detail: `${where} ${other}` }
    }
    return { trouble, detail: `${where}: ${detailOf(reason)}` }
  } finally {
    redis.disconnect()
  }
}

const isTimeout = (error: unknown) => /timed out|TIMEDOUT/.test(detailOf(error))

function optionsFor(tls: object | undefined): RedisOptions & { replyMapping: 'legacy' } {
  return {
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: WITHIN_MS,
    commandTimeout: WITHIN_MS,
    disconnectTimeout: 0,
    replyMapping: 'legacy',
    ...(tls === undefined ? {} : { tls }),
  }
}

/**
 * Whether the server uses TLS when we do not, or the reverse: the former closes the connection, the
 * latter waits for the rest of what it takes for a command. No login is sent.
 */
function isOtherwise(at: HostAndPort, tls: object | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket =
      tls === undefined
        ? connectTls({ ...at, rejectUnauthorized: false }, () => end(true))
        : connect(at, () => socket.write('PING\r\n'))
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    if (tls !== undefined) socket.once('data', (bytes: Buffer) => end(/^[-+]/.test(String(bytes))))
    socket.setTimeout(WITHIN_MS, () => end(false))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
  })
}
