import type { Priority } from '../../contract/request.ts'
import { type IngestOrder, ingestOrderSchema } from './chunk.ts'
import type { OrgKeys } from './keys.ts'

/** The gather sets of an org: which one an order gathers in, its keys, and the time of its departure. */

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
export const MOST_CHUNKS = 1000

/** Settings that the scripts read; workers share them in Redis. */
const WAIT: Readonly<Record<Priority, string>> = {
  high: 'coalesceHighWaitMs',
  normal: 'coalesceWaitMs',
  low: 'coalesceWaitMs',
}

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

/** The arguments of a script that uses `GATHER`. */
function argsOf(keys: OrgKeys, set: GatherSet) {
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

/** Which set an order gathers in, its name in Redis, and back. */
export const gatherSets = { for: setFor, group: groupOf, parse: parseGroup, args: argsOf }
