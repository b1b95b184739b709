import { z } from 'zod'
import type { Priority } from '../contract/request.ts'
import type { LedgerConnection } from './ledger/connection.ts'
import type { OrgKeys } from './ledger/keys.ts'
import { oneOf, runScript, script } from './ledger/script.ts'
import {
  FRESH_MS,
  QUOTA_LIMITS,
  type QuotaCost,
  type QuotaLimit,
  type QuotaReserve,
  RESERVES,
} from './quota.ts'
import type { RedisClient } from './redis/redis.ts'

/**
 * Books what ingest jobs take of the daily allowances, over all workers of an org, and keeps those
 * in line whose priority has to leave the rest to others.
 */

// A member of `held` is scored by reserves, then by when it was first held, in milliseconds.
const RANK = 2 ** 42

// An ingest job that costs more than half of what its priority may ever use starts once half is
// there: others could keep the allowance from ever being full.
const FREE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function free(limit, reserves, percent)
  local ok, report = pcall(cjson.decode, redis.call('HGET', quota, limit) or '')
  if not ok or type(report) ~= 'table' then return nil end
  for _, field in ipairs({ 'max', 'remaining', 'at' }) do
    if type(report[field]) ~= 'number' then return nil end
  end
  if now - report.at >= ${FRESH_MS} or report.max <= 0 then return nil end
  local booked = redis.call('HMGET', quota, 'running:' .. limit, 'ended:' .. limit)
  local floor = math.floor(report.max * percent * reserves / 100)
  return report.remaining - (booked[1] or 0) - (booked[2] or 0) - floor, report.max - floor
end
local function fits(limit, reserves, percent, cost)
  local left, most = free(limit, reserves, percent)
  return not left or left >= math.max(1, math.min(cost, math.floor(most / 2)))
end
local limits = { '${QUOTA_LIMITS.join("', '")}' }
`

const BOOK = script(
  'book-quota',
  { keys: ['quota', 'booked', 'held'], args: ['order', 'reserves', '...amounts'] },
  `${FREE}
local costs, percents = { amounts[1], amounts[2] }, { amounts[3], amounts[4] }
-- A full Redis lets a script continue once it has written.
redis.call('HDEL', quota, '')
if redis.call('HEXISTS', booked, order) == 1 then
  return {'go', '', redis.call('ZCARD', held)}
end
for i, limit in ipairs(limits) do
  if not fits(limit, tonumber(reserves), percents[i], tonumber(costs[i])) then
    local at = redis.call('ZSCORE', held, order)
    if not at or math.floor(at / ${RANK}) ~= tonumber(reserves) then
      redis.call('ZADD', held, reserves * ${RANK} + now, order)
    end
    return {'held', limit, redis.call('ZCARD', held)}
  end
end
redis.call('ZREM', held, order)
redis.call('HSET', booked, order, costs[1] .. ' ' .. costs[2])
for i, limit in ipairs(limits) do redis.call('HINCRBY', quota, 'running:' .. limit, costs[i]) end
local first, waiting = redis.call('ZRANGE', held, 0, 0, 'WITHSCORES'), redis.call('ZCARD', held)
if not first[1] then return {'go', '', waiting} end
for i, limit in ipairs(limits) do
  if not fits(limit, math.floor(first[2] / ${RANK}), percents[i], 1) then
    return {'go', '', waiting}
  end
end
return {'go', first[1], waiting}
`,
)

const SETTLE = script(
  'settle-quota',
  { keys: ['quota', 'booked', 'held'], args: ['order', 'spent'] },
  `
local wasHeld = redis.call('ZREM', held, order) == 1
local costs = { string.match(redis.call('HGET', booked, order) or '', '^(%d+) (%d+)$') }
redis.call('HDEL', booked, order)
local function next() return redis.call('ZRANGE', held, 0, 0)[1] or '' end
if not costs[1] then return wasHeld and next() or '' end
local hour = math.floor(redis.call('TIME')[1] / 3600)
for i, limit in ipairs({ '${QUOTA_LIMITS.join("', '")}' }) do
  redis.call('HINCRBY', quota, 'running:' .. limit, -costs[i])
  if spent == 'spent' then
    redis.call('HINCRBY', quota, 'ended:' .. limit, costs[i])
    if redis.call('HINCRBY', quota, 'used:' .. limit .. ':' .. hour, costs[i]) == tonumber(costs[i]) then
      for _, field in ipairs(redis.call('HKEYS', quota)) do
        local old = tonumber(string.match(field, '^used:%a+:(%d+)$'))
        if old and hour - old > 24 then redis.call('HDEL', quota, field) end
      end
    end
  end
end
return spent == 'spent' and '' or next()
`,
)

// The order may have been called back, moved or made room for while a worker still put it aside.
const LOOK_AGAIN = script(
  'look-again',
  { keys: ['quota', 'held', 'ingest'], args: ['order', 'reserves', 'isUrgent', '...amounts'] },
  `${FREE}
local turn = redis.call('HGET', ingest, 'turn')
if turn and (turn == 'high') ~= (isUrgent == '1') then return 'moved' end
if not redis.call('ZSCORE', held, order) then return 'go' end
for i, limit in ipairs(limits) do
  if not fits(limit, tonumber(reserves), amounts[i + 2], tonumber(amounts[i])) then return 'held' end
end
return 'go'
`,
)

interface BookingEntry {
  readonly order: string
  readonly priority: Priority
  readonly cost: QuotaCost
  readonly reserve: QuotaReserve
}

type Booked =
  /** `next` waits and may fit, too. */
  | { readonly kind: 'go'; readonly next: string | null; readonly waiting: number }
  | { readonly kind: 'held'; readonly limit: QuotaLimit; readonly waiting: number }

export function bookingVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { quota, booked, held } = keys
  return {
    /**
     * Books what an ingest job costs, once; `held` if its priority has to leave that to others. An
     * allowance that is unknown holds nothing.
     */
    async book(entry: BookingEntry): Promise<Booked> {
      const answer = await runScript(ledger, BOOK, { quota, booked, held, ...bookingArgs(entry) })
      const [kind, what, waiting] = Array.isArray(answer) ? answer.map(String) : []
      if (kind === 'go') return { kind, next: what || null, waiting: Number(waiting) }
      return { kind: 'held', limit: z.enum(QUOTA_LIMITS).parse(what), waiting: Number(waiting) }
    },

    /**
     * What became of an order while it was put aside: calls for it that came before its job was
     * delayed found nothing to wake. `go`: it is to try again now. `moved`: its priority has changed,
     * and it has a job in the other queue.
     */
    async lookAgain(entry: BookingEntry, isUrgent: boolean): Promise<'go' | 'held' | 'moved'> {
      const answer = await runScript(ledger, LOOK_AGAIN, {
        ...{ quota, held, ingest: keys.ingest(entry.order), isUrgent: isUrgent ? 1 : 0 },
        ...bookingArgs(entry),
      })
      return oneOf(answer, ['go', 'held', 'moved'])
    },

    /**
     * The ingest job has ended, or is no longer wanted; `isSpent` if it reached Salesforce. Returns
     * the order that waits and may use what this one leaves, if there is one.
     */
    async settle(order: string, isSpent: boolean): Promise<string | null> {
      const spent = isSpent ? 'spent' : 'unused'
      const next = await runScript(ledger, SETTLE, { quota, booked, held, order, spent })
      return String(next) || null
    },
  }
}

function bookingArgs({ order, priority, cost, reserve }: BookingEntry) {
  const amounts = [cost, reserve].flatMap((each) => QUOTA_LIMITS.map((name) => each[name]))
  return { order, reserves: RESERVES[priority], amounts }
}

/** The orders that wait for an allowance, the first to go first. */
export function heldOrders(
  redis: RedisClient,
  { held }: OrgKeys,
  most: number,
): Promise<readonly string[]> {
  return redis.zrange(held, '0', String(most - 1))
}

/** How many orders wait for an allowance. */
export async function countHeld(
  redis: RedisClient,
  { held }: OrgKeys,
): Promise<Readonly<Record<Priority, number>>> {
  const count = (priority: Priority) => {
    const from = RESERVES[priority] * RANK
    return redis.zcount(held, from, `(${from + RANK}`)
  }
  const [high, normal, low] = await Promise.all([count('high'), count('normal'), count('low')])
  return { high, normal, low }
}
