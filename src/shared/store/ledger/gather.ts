import { randomUUID } from 'node:crypto'
import { PRIORITIES, type Priority } from '../../contract/request.ts'
import type { RedisClient } from '../redis/redis.ts'
import { redisNow } from '../redis/server-clock.ts'
import { type IngestOrder, ingestOrderSchema, requestOf } from './chunk.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'

/**
 * Small requests share ingest jobs. The ingest order of a small request joins the gather set of its
 * object, operation and priority. Once the set has enough ids, or its oldest member has waited long
 * enough, its oldest members depart: their chunks go into one order, which is then sent like any
 * other.
 *
 * The shared order has a name of its own, and the members' orders are removed. So no order changes
 * its contents, and whoever still has a member's name finds that order gone.
 */
const gatherSetSchema = ingestOrderSchema.pick({ object: true, operation: true, priority: true })
export type GatherSet = Pick<IngestOrder, 'object' | 'operation' | 'priority'> & {
  /** Retried rows gather by themselves: they may not depart before their delay is over. */
  readonly isRetry?: boolean
}

/**
 * Chunks of one ingest order: 1,000 requests of ten ids fill a job. Redis is blocked while they
 * depart (for 40 ms; 2,000 take 75 to 85 ms) and while their outcomes are recorded (45 ms; 110 to
 * 190 ms; measured on a busy machine of two cores).
 */
const MOST_CHUNKS = 1000

/** Settings that the scripts read; workers share them in Redis. */
const WAIT: Readonly<Record<Priority, string>> = {
  high: 'coalesceHighWaitMs',
  normal: 'coalesceWaitMs',
  low: 'coalesceWaitMs',
}

/** Ids in a job of retries that more may join, however often they were tried. */
const SMALLEST_RETRY = 200

/** The end of the group of a set of retries. */
const RETRY = ':retry'

/**
 * Lua, with the keys `set` (members by the time from which they may depart), `ids` (the ids of each
 * member, and their `sum`) and `gathers` (the sets by the time when they are to depart):
 *
 * - `leave(set, ids, order)` → whether the order was a member.
 * - `leaveSet(…)`: the same, and sets the time of the others' departure.
 * - `timeOf(group, set, ids, fill, wait)` → when the set departs, 0 if it is full; nil if it is
 *   empty. Retries wait for each other even if they are many, because most may not depart yet.
 * - `setTime(…)` enters that time in `gathers`.
 */
export const GATHER = `
local function leave(set, ids, order)
  if redis.call('ZREM', set, order) == 0 then return false end
  redis.call('HINCRBY', ids, 'sum', -tonumber(redis.call('HGET', ids, order) or 0))
  redis.call('HDEL', ids, order)
  return true
end
local function timeOf(group, set, ids, fill, wait)
  local oldest = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  if not oldest then return nil end
  local isFull = string.sub(group, -${RETRY.length}) ~= '${RETRY}'
    and (tonumber(redis.call('HGET', ids, 'sum')) >= fill
      or redis.call('ZCARD', set) >= ${MOST_CHUNKS})
  return isFull and 0 or tonumber(oldest) + wait
end
local function setTime(gathers, group, set, ids, fill, wait)
  local time = timeOf(group, set, ids, fill, wait)
  if time then return redis.call('ZADD', gathers, string.format('%.0f', time), group) end
  redis.call('ZREM', gathers, group)
  redis.call('DEL', ids)
end
local function leaveSet(gathers, group, set, ids, settings, waitSetting, order)
  if not leave(set, ids, order) then return false end
  local fill, wait = unpack(redis.call('HMGET', settings, 'coalesceFill', waitSetting))
  setTime(gathers, group, set, ids, tonumber(fill or 0), tonumber(wait or 0))
  return true
end
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`

// Workers of an earlier version share no settings for this and let nothing depart. Where no worker
// has set them, every order is sent alone.
const JOIN = script(
  'join-gather',
  {
    keys: ['ingest', 'set', 'ids', 'gathers', 'settings'],
    args: ['order', 'group', 'count', 'delay', 'deadline', 'waitSetting'],
  },
  `${GATHER}
local json, checkpoint, starts, departed =
  unpack(redis.call('HMGET', ingest, 'order', 'checkpoint', 'starts', 'departed'))
if not json then return 'gone' end
if checkpoint or departed or tonumber(starts or 0) > 0 then return 'departed' end
local below, fill, wait =
  unpack(redis.call('HMGET', settings, 'coalesceBelow', 'coalesceFill', waitSetting))
if not redis.call('ZSCORE', set, order) then
  if not below or tonumber(count) >= tonumber(below) then return 'alone' end
  local time = now()
  if deadline ~= '' and tonumber(deadline) - time < 2 * tonumber(wait) then return 'alone' end
  redis.call('ZADD', set, string.format('%.0f', time + delay), order)
  redis.call('HSET', ids, order, count)
  redis.call('HINCRBY', ids, 'sum', count)
end
setTime(gathers, group, set, ids, tonumber(fill), tonumber(wait))
return 'gathering'
`,
)

const LEAVE = script(
  'leave-gather',
  {
    keys: ['set', 'ids', 'gathers', 'settings'],
    args: ['order', 'group', 'waitSetting'],
  },
  `${GATHER}
return leaveSet(gathers, group, set, ids, settings, waitSetting, order) and 'left' or 'other'
`,
)

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

const groupOf = ({ object, operation, priority, isRetry = false }: GatherSet) =>
  `${object}:${operation}:${priority}${isRetry ? RETRY : ''}`

/** The set that an order gathers in, by the attempt in its name. */
function setFor({ object, operation, priority }: GatherSet, order: string): GatherSet {
  const [, attempt = '1'] = /\.(\d+)$/.exec(order) ?? []
  return { object, operation, priority, isRetry: Number(attempt) > 1 }
}

/** Null for a group that only a newer version knows, and lets depart. */
function parseGroup(group: string): GatherSet | null {
  const [object, operation, priority, ...rest] = group.split(':')
  const { data } = gatherSetSchema.safeParse({ object, operation, priority })
  const isRetry = group.endsWith(RETRY)
  return data === undefined || rest.length > (isRetry ? 1 : 0)
    ? null
    : { ...data, ...(isRetry && { isRetry }) }
}

/** The arguments of a script that uses `GATHER`, for the set of an order. */
export function gatherArgs(keys: OrgKeys, set: GatherSet, order: string) {
  return setArgs(keys, setFor(set, order))
}

function setArgs(keys: OrgKeys, set: GatherSet) {
  const group = groupOf(set)
  return {
    set: keys.gather(group),
    ids: keys.gatherIds(group),
    gathers: keys.gathers,
    settings: keys.settings,
    group,
    waitSetting: WAIT[set.priority],
  }
}

/** What gathers in an org at each priority: requests, and their ids. */
export type Gathering = ReadonlyMap<Priority, { readonly requests: number; readonly ids: number }>

/** Two commands for each set that is not empty, however many requests are in it. */
export async function readGathering(redis: RedisClient, keys: OrgKeys): Promise<Gathering> {
  const found = new Map(PRIORITIES.map((priority) => [priority, { requests: 0, ids: 0 }]))
  for (const group of await redis.zrange(keys.gathers, '0', '-1')) {
    const priority = parseGroup(group)?.priority
    if (priority === undefined) continue
    const [requests, ids] = await Promise.all([
      redis.zcard(keys.gather(group)),
      redis.hget(keys.gatherIds(group), 'sum'),
    ])
    const before = found.get(priority) ?? { requests: 0, ids: 0 }
    found.set(priority, {
      requests: before.requests + requests,
      ids: before.ids + Number(ids ?? 0),
    })
  }
  return found
}

export function gatherVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  return {
    /**
     * Lets an order of one small chunk gather with others. Repeating it only brings the time of its
     * departure up to date with the settings.
     *
     * `gathering`: it waits in its set. `alone`: it is too large, sharing is off, or waiting might
     * take half of the time until its deadline; `departed`: it has left its set or a worker has taken
     * it. Both are to be sent. `gone`: it has ended, or its chunk departed in a shared order.
     *
     * @param entry `delayMs`: how long it may not depart
     */
    async joinGather(
      set: GatherSet,
      entry: {
        readonly order: string
        readonly count: number
        readonly delayMs?: number
        readonly deadline?: string | null
      },
    ): Promise<'gathering' | 'alone' | 'departed' | 'gone'> {
      const { order, count, delayMs = 0, deadline = null } = entry
      const answer = await runScript(ledger, JOIN, {
        ...gatherArgs(keys, set, order),
        ingest: keys.ingest(order),
        order,
        count,
        delay: delayMs,
        deadline: deadline === null ? '' : Date.parse(deadline),
      })
      return oneOf(answer, ['gathering', 'alone', 'departed', 'gone'])
    },

    /** Takes an order out of its gather set. `other`: it is not in it. */
    async leaveGather(set: GatherSet, order: string): Promise<'left' | 'other'> {
      const answer = await runScript(ledger, LEAVE, { ...gatherArgs(keys, set, order), order })
      return oneOf(answer, ['left', 'other'])
    },

    /**
     * Lets the oldest members of a set depart, if it is due, in one order, which the caller sends. A
     * worker that dies before that leaves it to the sweep. `waiting`: the set is empty or not due.
     * `dropped`: only orders that had ended meanwhile left the set.
     */
    async depart(set: GatherSet): Promise<Departure | { readonly kind: 'waiting' | 'dropped' }> {
      // After a failover, Redis's clock may be behind the time when others joined.
      const until = set.isRetry ? await redisNow(redis) : '+inf'
      const gathered = keys.gather(groupOf(set))
      const names = await redis.zrangebyscore(gathered, '-inf', until, 'LIMIT', 0, MOST_CHUNKS)
      const shared = `shared-${randomUUID()}`
      const answer = await runScript(ledger, DEPART, {
        ...setArgs(keys, set),
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
        const set = parseGroup(found[place] ?? '')
        const at = Number(found[place + 1])
        if (set !== null) return { set, at, inMs: at === 0 ? 0 : at - (await redisNow(redis)) }
      }
      return null
    },

    /** When an order departs, in milliseconds since the epoch; null if it does not gather. */
    async gathersUntil(set: GatherSet, order: string): Promise<number | null> {
      const group = groupOf(setFor(set, order))
      const [joined, time] = await Promise.all([
        redis.zscore(keys.gather(group), order),
        redis.zscore(keys.gathers, group),
      ])
      return joined === null || time === null ? null : Math.max(Number(joined), Number(time))
    },
  }
}
