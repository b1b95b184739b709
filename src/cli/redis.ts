import { createProducer, type Producer } from '../producer/producer.ts'
import { type Config, showRedis } from '../shared/config.ts'
import { ExpungeError, messageOf } from '../shared/errors.ts'
import type { RedisConfig } from '../shared/redis.ts'
import { attachEmbeddedRedis, startEmbeddedRedis } from './embedded-redis/embedded-redis.ts'
import type { Screen } from './screen.ts'

/** The Redis that a command works with. */
export interface RedisHere {
  readonly config: RedisConfig
  /** In words, without a password. */
  readonly shown: string
  /** Whether it is the server of this machine's EXPUNGE_HOME, which nobody else works with. */
  readonly embedded: boolean
  /** Resolves where it is gone for good. */
  readonly lost: Promise<ExpungeError>
  close(): Promise<void>
}

export class RedisUnreachableError extends ExpungeError {
  readonly code = 'REDIS_UNREACHABLE'
}

/** The configured Redis, or a server of our own that lives as long as this command. */
export async function ownRedis(config: Config, screen: Screen): Promise<RedisHere> {
  if (config.redis !== null) return remote(config.redis)
  return embedded(await startEmbeddedRedis(embeddedOptions(config, screen)))
}

/** The configured Redis, or what a `run` has or had; null where there never was one. */
export async function visitRedis(config: Config, screen: Screen): Promise<RedisHere | null> {
  if (config.redis !== null) return remote(config.redis)
  const found = await attachEmbeddedRedis(embeddedOptions(config, screen))
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
    lost: new Promise(() => {}),
    close: async () => {},
  }
}

function embedded(server: Awaited<ReturnType<typeof startEmbeddedRedis>>): RedisHere {
  return {
    config: { kind: 'socket', path: server.socket },
    shown: server.socket,
    embedded: true,
    lost: server.lost,
    close: () => server.stop(),
  }
}

/** @throws RedisUnreachableError saying where it was looked for and what went wrong */
export async function connectProducer({ config, shown }: RedisHere): Promise<Producer> {
  let trouble = ''
  const onError = (error: Error) => {
    trouble = error.message
  }
  try {
    return await createProducer({ redis: config, onError })
  } catch (error) {
    if (error instanceof ExpungeError) throw error
    throw new RedisUnreachableError(
      `Redis at ${shown} does not answer: ${trouble || messageOf(error)}. ` +
        'Check that the server runs and that REDIS_URL names it.',
    )
  }
}
