import { createHash } from 'node:crypto'
import type { RedisClient } from './redis.ts'

/** One atomic change: Lua, sent by its digest and loaded on the first call. */
export interface Script {
  readonly name: string
  readonly lua: string
  readonly sha1: string
}

/** A script that belongs to no ledger: those of a ledger are made by `ledger/script.ts`. */
export function bareScript(name: string, lua: string): Script {
  return { name, lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

/** Runs a script; a server that does not know it yet (restart, failover) is sent the text. */
export async function evaluateBare(
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
