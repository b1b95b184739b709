import { effect } from '../../base/trace.ts'
import {
  bareScript,
  evaluateBare,
  type Script,
  type ScriptValues,
  type Takes,
} from '../redis/bare-script.ts'
import { type LedgerConnection, OTHER_LEDGER } from './connection.ts'

/** One atomic change of a ledger, which only the ledger that its caller has opened lets happen. */
interface LedgerScript<Key extends string = string, Arg extends string = string>
  extends Script<Key, Arg> {
  readonly guarded: true
}

// Before every script's own text, which sees neither key nor argument of it: the last key is the
// identity, the last argument the generation that the caller expects there.
const HEAD = `
do
  local identity, expected = table.remove(KEYS), table.remove(ARGV)
  if redis.call('HGET', identity, 'generation') ~= expected then
    local found = redis.call('HMGET', identity, 'generation', 'orgId')
    return redis.error_reply('${OTHER_LEDGER} [' .. (found[1] or '') .. ' ' .. (found[2] or '') .. ']')
  end
end
`

export function script<const Key extends string, const Arg extends string = never>(
  name: string,
  takes: Takes<Key, Arg>,
  lua: string,
): LedgerScript<Key, Arg> {
  return { ...bareScript(name, takes, lua, HEAD), guarded: true }
}

/**
 * Runs a script on the ledger that this process has opened.
 *
 * @throws LedgerReplacedError where another is there now; nothing was changed
 */
export function runScript<Key extends string, Arg extends string>(
  ledger: LedgerConnection,
  script: LedgerScript<Key, Arg>,
  given: ScriptValues<Key, Arg>,
): Promise<unknown> {
  return effect(`redis:${script.name}`, () => evaluate(ledger, script, given))
}

/** The same unannounced, for what several callers share: each announces its own. */
export async function evaluate<Key extends string, Arg extends string>(
  ledger: LedgerConnection,
  script: LedgerScript<Key, Arg>,
  given: ScriptValues<Key, Arg>,
): Promise<unknown> {
  const { generation } = await ledger.identity()
  try {
    return await evaluateBare(ledger.redis, script, given, { key: ledger.key, arg: generation })
  } catch (error) {
    throw ledger.mismatchIn(error) ?? error
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
