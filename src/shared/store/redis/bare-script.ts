import { createHash } from 'node:crypto'
import type { RedisClient } from './redis.ts'

/**
 * Lua scripts with named keys and arguments. A script declares what it takes, its text reads these
 * names as local variables, and a call gives a value for each. The last key or argument may be a
 * list, written `...names`; in Lua it is a table.
 */
export interface Takes<Key extends string = string, Arg extends string = string> {
  readonly keys: readonly Key[]
  readonly args?: readonly Arg[]
}

/** One atomic change: Lua, sent by its digest and loaded on the first call. */
export interface Script<Key extends string = string, Arg extends string = string> {
  readonly name: string
  readonly takes: Takes<Key, Arg>
  readonly lua: string
  readonly sha1: string
}

export type Argument = string | number | Buffer

type Named<Name extends string, Value> = {
  readonly [One in Name as One extends `...${infer List}` ? List : One]: One extends `...${string}`
    ? readonly Value[]
    : Value
}

/** Values for a call: one for each of the script's names. */
export type ScriptValues<Key extends string, Arg extends string> = Named<Key, string> &
  Named<Arg, Argument>

/**
 * A script without a ledger; ledger scripts are made by `ledger/script.ts`.
 *
 * @param head Lua that runs before the names are defined
 */
export function bareScript<const Key extends string, const Arg extends string = never>(
  name: string,
  takes: Takes<Key, Arg>,
  body: string,
  head = '',
): Script<Key, Arg> {
  const locals = `${localsFrom('KEYS', takes.keys)}${localsFrom('ARGV', takes.args ?? [])}`
  const lua = `${head}${locals}${body}`
  return { name, takes, lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

/**
 * `local request, live = unpack(KEYS, 1, 2)`, and a loop for a list, because `unpack` takes at most
 * 8,000.
 */
function localsFrom(table: 'KEYS' | 'ARGV', names: readonly string[]): string {
  const single = names.filter((name) => !name.startsWith('...'))
  const list = names.find((name) => name.startsWith('...'))?.slice(3)
  const count = single.length
  return [
    count === 0 ? '' : `local ${single.join(', ')} = unpack(${table}, 1, ${count})\n`,
    list === undefined
      ? ''
      : `local ${list} = {}\nfor i = ${count + 1}, #${table} do ${list}[i - ${count}] = ${table}[i] end\n`,
  ].join('')
}

/**
 * Runs a script. If the server does not know it yet (restart, failover), its text is sent.
 *
 * @param forHead the last key and argument, if the script has a head that takes them
 */
export async function evaluateBare<Key extends string, Arg extends string>(
  redis: RedisClient,
  { takes, lua, sha1 }: Script<Key, Arg>,
  given: ScriptValues<Key, Arg>,
  forHead?: { readonly key: string; readonly arg: string },
): Promise<unknown> {
  const values = new Map<string, Argument | readonly Argument[]>(Object.entries(given))
  const inOrder = (names: readonly string[]) =>
    names.flatMap((name) => values.get(name.replace('...', '')) ?? [])
  const keys = inOrder(takes.keys).map(String)
  const args = inOrder(takes.args ?? [])
  if (forHead !== undefined) {
    keys.push(forHead.key)
    args.push(forHead.arg)
  }
  try {
    return await redis.evalsha(sha1, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return redis.eval(lua, keys.length, ...keys, ...args)
  }
}
