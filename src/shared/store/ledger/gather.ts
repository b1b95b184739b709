import { PRIORITIES } from '../../contract/request.ts'
import type { RedisClient } from '../redis/redis.ts'
import type { LedgerConnection } from './connection.ts'
import { GATHER, type GatherSet, gatherSets } from './gather-sets.ts'
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
  local isJson, content = pcall(cjson.decode, json)
  if isJson and content.alone then return 'alone' end
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

/**
 * What gathers in an org at each priority: requests, and their ids. Two commands for each set that
 * is not empty, however many requests are in it.
 */
export async function readGathering(redis: RedisClient, keys: OrgKeys) {
  const found = new Map(PRIORITIES.map((priority) => [priority, { requests: 0, ids: 0 }]))
  for (const group of await redis.zrange(keys.gathers, '0', '-1')) {
    const priority = gatherSets.parse(group)?.priority
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
  const argsFor = (set: GatherSet, order: string) =>
    gatherSets.args(keys, gatherSets.for(set, order))
  return {
    /**
     * Lets an order of one small chunk gather with others. Repeating it only brings the time of its
     * departure up to date with the settings.
     *
     * `gathering`: it waits in its set. `alone`: it is too large, sharing is off, it may not share, or
     * waiting might take half of the time until its deadline; `departed`: it has left its set or a worker has taken
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
        ...argsFor(set, order),
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
      const answer = await runScript(ledger, LEAVE, { ...argsFor(set, order), order })
      return oneOf(answer, ['left', 'other'])
    },

    /** When an order departs, in milliseconds since the epoch; null if it does not gather. */
    async gathersUntil(set: GatherSet, order: string): Promise<number | null> {
      const group = gatherSets.group(gatherSets.for(set, order))
      const [joined, time] = await Promise.all([
        redis.zscore(keys.gather(group), order),
        redis.zscore(keys.gathers, group),
      ])
      return joined === null || time === null ? null : Math.max(Number(joined), Number(time))
    },
  }
}
