import type { LedgerConnection } from '../ledger/connection.ts'
import type { OrgKeys } from '../ledger/keys.ts'
import { oneOf, runScript, script } from '../ledger/script.ts'
import { StagingError } from './frame.ts'

/**
 * Staged lots and the sweep's index of them: a hash with one entry per lot, `<request>:<lot>`, so
 * that unused lots are found without scanning all keys.
 */

export interface Lot {
  readonly request: string
  readonly lot: string
}

/** An entry of the sweep's index: the lists of a lot, and when it last grew. */
export interface StagedLot extends Lot {
  /** Number of its first list, and one more than that of its last. */
  readonly first: number
  readonly chunks: number
  readonly touchedAt: number
}

/** A lot's name in the sweep's index. Neither part can contain a colon. */
function lotName({ request, lot }: Lot): string {
  return `${request.toLowerCase()}:${lot}`
}

// After a broken connection ioredis resends commands without a reply, although they may have been
// executed: the same frame at the same position is such a repetition. Any other length means that
// the lot was dropped or that another process writes to it. The index entry is written in the same
// step, so that the sweep knows every frame. Its time is Redis's, because the sweep compares it
// with that.
const APPEND = script(
  'stage',
  { keys: ['frames', 'staged'], args: ['place', 'frame', 'name', 'chunk', 'now'] },
  `
local at = tonumber(place)
local length = redis.call('LLEN', frames)
if length == at + 1 and redis.call('LINDEX', frames, at) == frame then return 'appended' end
if length ~= at then return 'damaged' end
local known = redis.call('HGET', staged, name)
local first, chunks = tonumber(chunk), tonumber(chunk) + 1
if known then
  known = cjson.decode(known)
  first, chunks = math.min(first, known.first), math.max(chunks, known.chunks)
end
local touched = now
if touched == '' then touched = string.format('%d', redis.call('TIME')[1] * 1000) end
redis.call('HSET', staged, name,
  string.format('{"first":%d,"chunks":%d,"touchedAt":%s}', first, chunks, touched))
redis.call('RPUSH', frames, frame)
return 'appended'
`,
)

// UNLINK frees memory in the background; freeing 100 MB of frames would block other commands.
const DROP = script(
  'drop-lot',
  { keys: ['staged', '...lists'], args: ['name', 'entry'] },
  `
if redis.call('HGET', staged, name) ~= entry then return 'changed' end
for _, list in ipairs(lists) do redis.call('UNLINK', list) end
redis.call('HDEL', staged, name)
return 'dropped'
`,
)

export function lotsOf(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  const { staged } = keys
  return {
    /**
     * Appends a frame to a lot's list.
     *
     * @param entry.at number of frames before it
     * @param entry.now null for Redis's own time
     * @throws StagingError if the list has another number of frames
     */
    async append(
      lot: Lot,
      { chunk, at, frame, now }: { chunk: number; at: number; frame: Buffer; now: number | null },
    ): Promise<void> {
      const frames = keys.frames(lot.request, lot.lot, chunk)
      const entry = { place: at, frame, name: lotName(lot), chunk, now: now ?? '' }
      const answer = await runScript(ledger, APPEND, { frames, staged, ...entry })
      if (oneOf(answer, ['appended', 'damaged']) === 'damaged') {
        throw new StagingError(
          `${frames}: expected the ${at} frames that were staged, found others. ` +
            'The lot was dropped, or somebody else writes it; stage it again under another name.',
        )
      }
    },

    /** All lots that have frames. */
    async all(): Promise<readonly StagedLot[]> {
      return Object.entries(await redis.hgetall(staged)).map(parseEntry)
    },

    /**
     * Some of the lots, about `count` of them. Every lot that exists from the first page to the
     * last is in one of them.
     *
     * @returns `next`: where to continue; null after the last page
     */
    async page(
      from: string | null,
      count: number,
    ): Promise<{ readonly entries: readonly StagedLot[]; readonly next: string | null }> {
      const [next, pairs] = await redis.hscan(staged, from ?? '0', 'COUNT', count)
      const entries = pairs.flatMap((name, at) =>
        at % 2 === 0 ? [parseEntry([name, pairs[at + 1] ?? ''])] : [],
      )
      return { entries, next: next === '0' ? null : next }
    },

    /** Null if it has no frames. */
    async find(lot: Lot): Promise<StagedLot | null> {
      const name = lotName(lot)
      const entry = await redis.hget(staged, name)
      return entry === null ? null : parseEntry([name, entry])
    },

    /** Drops every list of a lot. A missing lot is not an error. */
    async drop(lot: Lot): Promise<void> {
      const name = lotName(lot)
      for (;;) {
        const entry = await redis.hget(staged, name)
        if (entry === null) return
        const { first, chunks } = parseEntry([name, entry])
        const lists = Array.from({ length: chunks - first }, (_, index) =>
          keys.frames(lot.request, lot.lot, first + index),
        )
        const answer = await runScript(ledger, DROP, { staged, lists, name, entry })
        if (oneOf(answer, ['dropped', 'changed']) === 'dropped') return
      }
    },
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
