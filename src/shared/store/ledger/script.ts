import { effect } from '../../base/trace.ts'
import {
  bareScript,
  evaluateBare,
  type Script,
  type ScriptValues,
  type Takes,
} from '../redis/bare-script.ts'
import { type LedgerConnection, OTHER_LEDGER } from './connection.ts'

/** One atomic ledger change that runs only on the ledger that its caller opened. */
interface LedgerScript<Key extends string = string, Arg extends string = string>
  extends Script<Key, Arg> {
  readonly guarded: true
}

// Runs before every script's own text and removes its own key and argument: the last key is the
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
 * Runs a script on the ledger that this process opened.
 *
 * @throws LedgerReplacedError if another one is there now; nothing was changed
 */
export function runScript<Key extends string, Arg extends string>(
  ledger: LedgerConnection,
  script: LedgerScript<Key, Arg>,
  given: ScriptValues<Key, Arg>,
): Promise<unknown> {
  return effect(`redis:${script.name}`, () => evaluate(ledger, script, given))
}

/** The same without an effect of its own, for a call that several callers share. */
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
 * Narrows a script's one-word answer to the expected words.
 *
 * @throws TypeError if Redis returns another word: an older or newer script is running
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
