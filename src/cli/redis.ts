import { createProducer, type Producer } from '../producer/producer.ts'
import { ExpungeError } from '../shared/base/errors.ts'
import { type Config, showRedis } from '../shared/config/config.ts'
import {
  type RedisConfig,
  RedisUnavailableError,
  RedisUnusableError,
} from '../shared/store/redis/redis.ts'
import { detailOf, explained } from '../shared/store/redis/trouble.ts'
import { countAttempts } from './attempts.ts'
import type { startEmbeddedRedis } from './embedded-redis/embedded-redis.ts'
import type { Screen } from './screen.ts'

/** Only without a configured Redis: with one, commands start without these modules. */
const loadEmbedded = () => import('./embedded-redis/embedded-redis.ts')

/** The Redis that a command uses. */
export interface CommandRedis {
  readonly config: RedisConfig
  /** Its address for messages, without a password. */
  readonly shown: string
  /** Whether it is the server of this machine's EXPUNGE_HOME, which nobody else uses. */
  readonly embedded: boolean
  /** Whether it is the server of another command, which may end it at any time. */
  readonly isGuest: boolean
  /** Resolves if it stops and is not restarted. */
  readonly lost: Promise<ExpungeError>
  close(): Promise<void>
}

class RedisUnreachableError extends ExpungeError {
  readonly code = 'REDIS_UNREACHABLE'
}

/** The configured Redis, or our own server that ends with this command. */
export async function ownRedis(config: Config, screen: Screen): Promise<CommandRedis> {
  if (config.redis !== null) return remote(config.redis)
  const { startEmbeddedRedis } = await loadEmbedded()
  return embedded(await startEmbeddedRedis(embeddedOptions(config, screen)))
}

/**
 * The configured Redis, or the server that a `run` has or had; null if there never was one.
 *
 * @param stays for a command that may take long
 */
export async function attachRedis(
  config: Config,
  screen: Screen,
  { stays }: { stays: boolean },
): Promise<CommandRedis | null> {
  // Commands that look, cancel or approve store no new requests there.
  if (config.redis !== null) return remote({ ...config.redis, volatile: true })
  const { attachEmbeddedRedis } = await loadEmbedded()
  const found = await attachEmbeddedRedis({ ...embeddedOptions(config, screen), stays })
  return found === null ? null : embedded(found)
}

function embeddedOptions({ home }: Config, screen: Screen) {
  return { home, env: screen.env, log: (line: string) => screen.say(line) }
}

function remote(config: RedisConfig): CommandRedis {
  return {
    config,
    shown: showRedis(config),
    embedded: false,
    isGuest: false,
    lost: new Promise(() => {}),
    close: async () => {},
  }
}

function embedded(server: Awaited<ReturnType<typeof startEmbeddedRedis>>): CommandRedis {
  return {
    // Our own server is always accepted: a run's data is in its append-only file, and a demo's need
    // not survive.
    config: { kind: 'socket', path: server.socket, volatile: true },
    shown: server.socket,
    embedded: true,
    isGuest: server.isGuest,
    lost: server.lost,
    close: () => server.stop(),
  }
}

/** Runs `act`. A problem of this Redis is reported with its address. */
export async function withAddress<T>(
  { shown }: Pick<CommandRedis, 'shown'>,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await explained(act)
  } catch (error) {
    throw error instanceof RedisUnavailableError ? error.at(shown) : error
  }
}

/**
 * @param objects allowed by the configuration
 * @throws RedisUnreachableError, RedisUnusableError saying which server was tried and what failed
 */
export async function connectProducer(
  { config, shown }: CommandRedis,
  objects?: readonly string[],
): Promise<Producer> {
  const attempts = countAttempts()
  try {
    return await createProducer({ redis: config, objects, onError: attempts.failed })
  } catch (error) {
    const isAway = error instanceof RedisUnavailableError && error.code === 'REDIS_AWAY'
    if (error instanceof RedisUnusableError) {
      throw new RedisUnusableError(`${shown}: ${error.message}`)
    }
    if (error instanceof ExpungeError && !isAway) throw error
    throw new RedisUnreachableError(
      `Redis at ${shown} does not answer: ${detailOf(error)}. Gave up after ${attempts.words()}. ` +
        'Check that the server is running and that REDIS_URL is correct.',
    )
  }
}
