import { randomUUID } from 'node:crypto'
import { redisNow } from '../redis/server-clock.ts'
import { requestOf } from './chunk.ts'
import type { LedgerConnection } from './connection.ts'
import { GATHER, type GatherSet, gatherSets, MOST_CHUNKS } from './gather-sets.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'

/** Ids in a job of retries that more may join, however often they were tried. */
export const SMALLEST_RETRY = 200

// `members`: for each the key of its order, and the open chunks of its request. The first write
// removes something, so that a full Redis lets the script continue; departing frees memory.
//
// A member that is gone, that a worker has taken or that cannot be read only leaves the set: it must
// not hold up the others. A single one keeps its order.
//
// Each attempt departs in jobs of a quarter of the size: one that failed because of locks or time is
// split (`pieceSize`), and its parts must not go in one job again.
const DEPART = script(
  'depart',
  {
    keys: ['set', 'ids', 'gathers', 'settings', 'shared', '...members'],
    args: ['group', 'waitSetting', 'sharedName', '...names'],
  },
  `${GATHER}
local function onlyChunk(json)
  local isJson, order = pcall(cjson.decode, json)
  local chunks = isJson and type(order) == 'table' and order.chunks
  if type(chunks) ~= 'table' or #chunks ~= 1 then return nil end
  return order, chunks[1]
end
local fill, wait = unpack(redis.call('HMGET', settings, 'coalesceFill', waitSetting))
fill, wait = tonumber(fill or 0), tonumber(wait or 0)
local time = timeOf(group, set, ids, fill, wait)
if not time or time > now() then
  setTime(gathers, group, set, ids, fill, wait)
  return {'waiting'}
end
local counts = #names > 0 and redis.call('HMGET', ids, unpack(names)) or {}
local leaving, left, taken, chunks, records = {}, 0, {}, {}, 0
for i, name in ipairs(names) do
  local count = tonumber(counts[i] or 0)
  local tries = tonumber(string.match(name, '%.(%d+)$') or 1)
  local most = math.max(math.min(fill, ${SMALLEST_RETRY}), fill / 4 ^ (tries - 1))
  if records > 0 and records + count > most then break end
  leaving[#leaving + 1], left = name, left + count
  if count > 0 then
    local ingest, open = members[2 * i - 1], members[2 * i]
    local json, checkpoint, starts =
      unpack(redis.call('HMGET', ingest, 'order', 'checkpoint', 'starts'))
    if json and not checkpoint and tonumber(starts or 0) == 0 then
      local order, chunk = onlyChunk(json)
      local field = chunk and chunk.chunk .. '.' .. chunk.attempt
      if field and redis.call('HGET', open, field) == name then
        taken[#taken + 1] = { ingest = ingest, open = open, field = field, name = name, order = order }
        chunks[#chunks + 1] = chunk
        records = records + count
      end
    end
  end
end
if #leaving == 0 then return {'dropped'} end
redis.call('ZREM', set, unpack(leaving))
redis.call('HDEL', ids, unpack(leaving))
redis.call('HINCRBY', ids, 'sum', -left)
setTime(gathers, group, set, ids, fill, wait)
if #taken == 0 then return {'dropped'} end
local key, name, order = taken[1].ingest, taken[1].name, taken[1].order
if #taken > 1 then
  key, name, order.order, order.chunks = shared, sharedName, sharedName, chunks
  for _, member in ipairs(taken) do
    redis.call('DEL', member.ingest)
    redis.call('HSET', member.open, member.field, name)
  end
  redis.call('HSET', key, 'order', cjson.encode(order))
end
redis.call('HSET', key, 'departed', 1)
return {'departed', name, #taken, records, time == 0 and 'full' or 'waited'}
`,
)

/** Why the members of a gather set departed: they had enough ids, or had waited long enough. */
export const DEPARTURES = ['full', 'waited'] as const

type Departure = {
  readonly kind: 'departed'
  /** The order to send. */
  readonly order: string
  readonly members: number
  readonly records: number
  readonly reason: (typeof DEPARTURES)[number]
}

/** The gather set that departs next. */
type NextDeparture = {
  readonly set: GatherSet
  /** Milliseconds since the epoch, in Redis's time; 0 if it is full. */
  readonly at: number
  /** Milliseconds until then; at most 0 if it is due. */
  readonly inMs: number
}

export function departureVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  return {
    /**
     * Lets the oldest members of a set depart, if it is due, in one order, which the caller sends. A
     * worker that dies before that leaves it to the sweep. `waiting`: the set is empty or not due.
     * `dropped`: only orders that had ended meanwhile left the set.
     */
    async depart(set: GatherSet): Promise<Departure | { readonly kind: 'waiting' | 'dropped' }> {
      // After a failover, Redis's clock may be behind the time when others joined.
      const until = set.isRetry ? await redisNow(redis) : '+inf'
      const gathered = keys.gather(gatherSets.group(set))
      const names = await redis.zrangebyscore(gathered, '-inf', until, 'LIMIT', 0, MOST_CHUNKS)
      const shared = `shared-${randomUUID()}`
      const answer = await runScript(ledger, DEPART, {
        ...gatherSets.args(keys, set),
        shared: keys.ingest(shared),
        members: names.flatMap((name) => [keys.ingest(name), keys.open(requestOf(name))]),
        sharedName: shared,
        names,
      })
      const [word, order, members, records, why] = Array.isArray(answer) ? answer : []
      const kind = oneOf(word, ['departed', 'waiting', 'dropped'])
      if (kind !== 'departed') return { kind }
      return {
        ...{ kind, order: String(order), reason: oneOf(why, DEPARTURES) },
        ...{ members: Number(members), records: Number(records) },
      }
    },

    /** Null if nothing gathers. Costs one command then, whatever else the org does. */
    async nextDeparture(): Promise<NextDeparture | null> {
      const found = await redis.zrange(keys.gathers, '0', '-1', 'WITHSCORES')
      for (let place = 0; place < found.length; place += 2) {
        const set = gatherSets.parse(found[place] ?? '')
        const at = Number(found[place + 1])
        if (set !== null) return { set, at, inMs: at === 0 ? 0 : at - (await redisNow(redis)) }
      }
      return null
    },
  }
}
