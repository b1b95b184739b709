import { createProducer, type Producer } from '../producer/producer.ts'
import { ExpungeError } from '../shared/base/errors.ts'
import { type Config, showRedis } from '../shared/config/config.ts'
import { type OrgStore, openOrgStore } from '../shared/store/org-store.ts'
import {
  connectRedis,
  type RedisConfig,
  RedisUnavailableError,
} from '../shared/store/redis/redis.ts'
import { detailOf } from '../shared/store/redis/trouble.ts'
import { attachEmbeddedRedis, startEmbeddedRedis } from './embedded-redis/embedded-redis.ts'
import type { Screen } from './screen.ts'

/** The Redis that a command works with. */
export interface RedisHere {
  readonly config: RedisConfig
  /** In words, without a password. */
  readonly shown: string
  /** Whether it is the server of this machine's EXPUNGE_HOME, which nobody else works with. */
  readonly embedded: boolean
  /** Whether it is the server of another command, which may end it at any moment. */
  readonly isGuest: boolean
  /** Resolves where it is gone for good. */
  readonly lost: Promise<ExpungeError>
  close(): Promise<void>
}

class RedisUnreachableError extends ExpungeError {
  readonly code = 'REDIS_UNREACHABLE'
}

/** The configured Redis, or a server of our own that lives as long as this command. */
export async function ownRedis(config: Config, screen: Screen): Promise<RedisHere> {
  if (config.redis !== null) return remote(config.redis)
  return embedded(await startEmbeddedRedis(embeddedOptions(config, screen)))
}

/**
 * The configured Redis, or what a `run` has or had; null where there never was one.
 *
 * @param stays for a visit that may be long
 */
export async function visitRedis(
  config: Config,
  screen: Screen,
  { stays }: { stays: boolean },
): Promise<RedisHere | null> {
  // Looking, cancelling and approving entrust nothing more to it.
  if (config.redis !== null) return remote({ ...config.redis, volatile: true })
  const found = await attachEmbeddedRedis({ ...embeddedOptions(config, screen), stays })
  return found === null ? null : embedded(found)
}

function embeddedOptions({ home }: Config, screen: Screen) {
  return { home, env: screen.env, log: (line: string) => screen.say(line) }
}

function remote(config: RedisConfig): RedisHere {
  return {
    config,
    shown: showRedis(config),
    embedded: false,
    isGuest: false,
    lost: new Promise(() => {}),
    close: async () => {},
  }
}

function embedded(server: Awaited<ReturnType<typeof startEmbeddedRedis>>): RedisHere {
  return {
    // Our own: the demo's data need not outlive it, a run's has its append-only file.
    config: { kind: 'socket', path: server.socket, volatile: true },
    shown: server.socket,
    embedded: true,
    isGuest: server.isGuest,
    lost: server.lost,
    close: () => server.stop(),
  }
}

/** One org's requests, by both ways in: the producer's, and the ledger's for those who operate it. */
export interface Entrance {
  readonly producer: Producer
  readonly store: OrgStore
  close(): Promise<void>
}

/** Whether a worker is connected that works for the org; null where the server does not tell. */
export async function hasWorker({ queues }: OrgStore): Promise<boolean | null> {
  try {
    return (await queues.requests.getWorkersCount()) > 0
  } catch {
    return null
  }
}

/** @throws RedisUnreachableError saying where it was looked for and what went wrong */
export async function enter(redis: RedisHere, org: string): Promise<Entrance> {
  const producer = await connectProducer(redis)
  const client = connectRedis(redis.config, 'fail-fast', () => {})
  const store = openOrgStore(client, org, () => {})
  return {
    producer,
    store,
    close: async () => {
      await Promise.all([producer.close(), store.close()])
      client.disconnect()
    },
  }
}

/** @throws RedisUnreachableError saying where it was looked for and what went wrong */
export async function connectProducer({ config, shown }: RedisHere): Promise<Producer> {
  try {
    return await createProducer({ redis: config, onError: () => {} })
  } catch (error) {
    const isAway = error instanceof RedisUnavailableError && error.code === 'REDIS_AWAY'
    if (error instanceof ExpungeError && !isAway) throw error
    throw new RedisUnreachableError(
      `Redis at ${shown} does not answer: ${detailOf(error)}. ` +
        'Check that the server runs and that REDIS_URL names it.',
    )
  }
}
