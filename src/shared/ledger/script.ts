import { createHash } from 'node:crypto'
import { effect } from '../effect.ts'
import type { RedisClient } from '../redis.ts'

/** One atomic change of the ledger: Lua, sent by its digest and loaded on the first call. */
export interface Script {
  readonly name: string
  readonly lua: string
  readonly sha1: string
}

export function script(name: string, lua: string): Script {
  return { name, lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

/** Runs a script; a server that does not know it yet (restart, failover) is sent the text. */
export function runScript(
  redis: RedisClient,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  return effect(`redis:${script.name}`, () => evaluate(redis, script, keys, args))
}

/** The same unannounced, for what several callers share: each announces its own. */
export async function evaluate(
  redis: RedisClient,
  { lua, sha1 }: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(sha1, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return redis.eval(lua, keys.length, ...keys, ...args)
  }
}

/**
 * Narrows a script's one-word answer to the words it may say.
 *
 * @throws TypeError where Redis answers another word: an older or newer script is at work.
 */
export function oneOf<const Word extends string>(answer: unknown, words: readonly Word[]): Word {
  const found = words.find((word) => word === answer)
  if (found === undefined) {
    throw new TypeError(
      `Ledger script: expected one of ${words.join(', ')}, got ${String(answer)}.`,
    )
  }
  return found
}
