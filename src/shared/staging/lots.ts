import type { OrgKeys } from '../ledger/keys.ts'
import { oneOf, runScript, script } from '../ledger/script.ts'
import type { RedisClient } from '../redis.ts'
import { StagingError } from './frame.ts'

/**
 * The sweep's index of what is staged: a hash with an entry a lot, `<request>:<lot>`, so that lots that
 * nobody will read are found without a walk over all keys.
 */

export interface Lot {
  readonly request: string
  readonly lot: string
}

/** What an entry of the sweep's index says: the lists of a lot, and when it last grew. */
export interface StagedLot extends Lot {
  /** Number of its first list, and the number after its last. */
  readonly first: number
  readonly chunks: number
  readonly touchedAt: number
}

/** A lot's name in the sweep's index. Neither part of it can have a colon. */
export function lotName({ request, lot }: Lot): string {
  return `${request.toLowerCase()}:${lot}`
}

/** The entry of a lot that is one list. */
export const lotEntry = (touchedAt: number) => `{"first":0,"chunks":1,"touchedAt":${touchedAt}}`

// UNLINK frees in the background: 100 MB of frames would hold up everybody's commands.
const DROP = script(
  'drop-lot',
  `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 'changed' end
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.call('HDEL', KEYS[1], ARGV[1])
return 'dropped'
`,
)

/** Every lot that has frames. */
export async function stagedLots(redis: RedisClient, keys: OrgKeys): Promise<readonly StagedLot[]> {
  return Object.entries(await redis.hgetall(keys.staged)).map(parseEntry)
}

/** Drops every list of a lot; nothing to drop is fine. */
export async function dropLot(redis: RedisClient, keys: OrgKeys, lot: Lot): Promise<void> {
  const name = lotName(lot)
  for (;;) {
    const entry = await redis.hget(keys.staged, name)
    if (entry === null) return
    const { first, chunks } = parseEntry([name, entry])
    const lists = Array.from({ length: chunks - first }, (_, index) =>
      keys.frames(lot.request, lot.lot, first + index),
    )
    const answer = await runScript(redis, DROP, [keys.staged, ...lists], [name, entry])
    if (oneOf(answer, ['dropped', 'changed']) === 'dropped') return
  }
}

function parseEntry([name, json]: [string, string]): StagedLot {
  const [request, lot] = name.split(':')
  const entry: unknown = JSON.parse(json)
  if (
    request === undefined ||
    lot === undefined ||
    typeof entry !== 'object' ||
    entry === null ||
    !('first' in entry && typeof entry.first === 'number') ||
    !('chunks' in entry && typeof entry.chunks === 'number') ||
    !('touchedAt' in entry && typeof entry.touchedAt === 'number')
  ) {
    throw new StagingError(`The index of staged frames holds an unreadable entry ${name}.`)
  }
  const { first, chunks, touchedAt } = entry
  return { request, lot, first, chunks, touchedAt }
}
