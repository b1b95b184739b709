import { z } from 'zod'
import { PRIORITIES, type Priority } from '../../contract/request.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/**
 * Callers take turns within a priority, and so do the requests of a caller: self-clocked fair
 * queueing (Golestani, 1994). It serves in the same order as a deficit round robin, needs no stored
 * deficits, and costs O(log n).
 *
 * Each ingest order gets a finish tag: the later one of the caller's last tag and of the order that
 * was taken last, plus its cost. BullMQ hands out the lowest tag first. Only `AHEAD` orders of a
 * request have a tag and a BullMQ job at a time; the others stand in its line. When a worker takes
 * one, the next gets its tag behind those of the caller's other requests.
 */

/** Orders of a request that wait in BullMQ; with one, a slot would wait for a round trip. */
const AHEAD = 2

/** Records that a turn is worth: one batch of Salesforce, which a smaller job costs as well. */
const QUANTUM = 10_000

/**
 * Ranges of BullMQ's numbers, which end at 2^21. Earlier versions order with 10 and 100, so what
 * they have ordered goes first.
 *
 * A range lasts for 2 months of all the batches that an org may use in a day. The tags start again
 * as soon as nothing waits. Without that, orders beyond the range go by age.
 */
export const FIRST_NUMBER: Readonly<Record<Priority, number>> = {
  high: 1000,
  normal: 1000,
  low: 1_048_576,
}
const RANGE = 1_047_000

/** Removes the lines that an earlier version did not know when it ended their requests. */
const LINE_SECONDS = 7 * 86_400

/**
 * Lua, with `prefix` of the ledger's keys. All turns of a priority are in `turns:<priority>` (`v`,
 * the tag of the order taken last; `f:<caller>`; `lined`, the orders in lines) and
 * `placed:<priority>` (tags of the orders that wait in BullMQ). `line:<request>` has the orders of a
 * request by chunk, those in BullMQ with -1.
 *
 * - `waits(name)` → the order's JSON if no worker has taken it.
 * - `withPriority(name, json, priority)` → the JSON with another priority, which the order gets.
 * - `place(answer, name, priority, json)` gives an order its tag.
 * - `fill(answer, request, line)` places what stands first in line.
 * - `rest(priority)` starts the tags again if nothing waits any more.
 * - `refund(priority, request, json)`: an order is not served, so its caller's next ones move up.
 * - `leaveTurns(name, priority, request, line, unserved)`: the order does not wait any more. The JSON
 *   of one that nobody will serve is `unserved`.
 */
export const TURNS = `
local function ingestOf(name) return prefix .. ':ingest:' .. string.lower(name) end
local function turnsOf(priority) return prefix .. ':turns:' .. priority end
local function placedOf(priority) return prefix .. ':placed:' .. priority end
local function waits(name)
  local json, checkpoint, starts, turn =
    unpack(redis.call('HMGET', ingestOf(name), 'order', 'checkpoint', 'starts', 'turn'))
  if not json or checkpoint or tonumber(starts or 0) > 0 then return nil end
  return json, turn
end
local function callerOf(by, labels)
  if by and by ~= '' and not string.find(by, '[@:]') then return 'key:' .. by end
  local label = type(labels) == 'table' and labels.caller
  return type(label) == 'string' and 'label:' .. label or ''
end
local function turnOf(request)
  local turn, json, by = unpack(redis.call('HMGET', request, 'turn', 'request', 'submittedBy'))
  if not turn then
    if not json then return nil end
    local asked = cjson.decode(json)
    turn = asked.priority .. ':' .. callerOf(by, asked.labels)
    redis.call('HSET', request, 'turn', turn)
  end
  return string.match(turn, '^(%a+):(.*)$')
end
local function countLined(priority, by)
  if redis.call('HINCRBY', turnsOf(priority), 'lined', by) <= 0 then
    redis.call('HDEL', turnsOf(priority), 'lined')
  end
end
local function numberOf(priority, tag)
  local first = priority == 'low' and ${FIRST_NUMBER.low} or ${FIRST_NUMBER.normal}
  return first + math.max(0, math.min(${RANGE}, math.ceil(tonumber(tag)) - 1))
end
local function tell(answer, name, priority, number)
  answer[#answer + 1] = name
  answer[#answer + 1] = priority
  answer[#answer + 1] = number
  answer[#answer + 1] = redis.call('HGET', ingestOf(name), 'due') or ''
end
local function withPriority(name, json, priority)
  local fresh = string.gsub(json, '"priority":"%a+"', '"priority":"' .. priority .. '"', 1)
  if fresh ~= json then redis.call('HSET', ingestOf(name), 'order', fresh) end
  return fresh
end
local function place(answer, name, priority, json)
  local turns, callers, total, tag = turnsOf(priority), {}, 0, nil
  for _, chunk in ipairs(cjson.decode(json).chunks) do
    local _, caller = turnOf(prefix .. ':request:' .. string.lower(chunk.request))
    callers[caller or ''] = (callers[caller or ''] or 0) + chunk.count
    total = total + chunk.count
  end
  local v, cost = tonumber(redis.call('HGET', turns, 'v') or 0), math.max(1, total / ${QUANTUM})
  for caller, records in pairs(callers) do
    local last = tonumber(redis.call('HGET', turns, 'f:' .. caller) or 0)
    local own = math.max(v, last) + cost * records / math.max(1, total)
    redis.call('HSET', turns, 'f:' .. caller, own)
    tag = math.min(tag or own, own)
  end
  redis.call('ZADD', placedOf(priority), tag, name)
  redis.call('HSET', ingestOf(name), 'turn', priority)
  withPriority(name, json, priority)
  tell(answer, name, priority, numberOf(priority, tag))
end
local function fill(answer, request, line)
  local priority = turnOf(request)
  if not priority then return end
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', line, -1, -1)) do
    if not waits(name) then
      redis.call('ZREM', line, name)
      redis.call('ZREM', placedOf(priority), name)
    end
  end
  while redis.call('ZCOUNT', line, -1, -1) < ${AHEAD} do
    local name = redis.call('ZRANGEBYSCORE', line, 0, '+inf', 'LIMIT', 0, 1)[1]
    if not name then return end
    countLined(priority, -1)
    local json = waits(name)
    if json then
      redis.call('ZADD', line, -1, name)
      place(answer, name, priority, json)
    else
      redis.call('ZREM', line, name)
    end
  end
end
local function rest(priority)
  local placed = placedOf(priority)
  for _ = 1, 4 do
    local first = redis.call('ZRANGE', placed, 0, 0)[1]
    if not first then
      if redis.call('HEXISTS', turnsOf(priority), 'lined') == 0 then
        redis.call('DEL', turnsOf(priority))
      end
      return
    end
    local json, turn = waits(first)
    if json and turn == priority then return end
    redis.call('ZREM', placed, first)
  end
end
local function refund(priority, request, json)
  local turns, records = turnsOf(priority), 0
  local _, caller = turnOf(request)
  local last = caller and redis.call('HGET', turns, 'f:' .. caller)
  if not last then return end
  for _, chunk in ipairs(cjson.decode(json).chunks) do records = records + chunk.count end
  local v = tonumber(redis.call('HGET', turns, 'v') or 0)
  redis.call('HSET', turns, 'f:' .. caller,
    math.max(v, tonumber(last) - math.max(1, records / ${QUANTUM})))
end
local function leaveTurns(name, priority, request, line, unserved)
  local at = redis.call('ZSCORE', line, name)
  redis.call('ZREM', line, name)
  if at and tonumber(at) >= 0 then countLined(turnOf(request) or priority, -1) end
  if not priority then return end
  local tag = redis.call('ZSCORE', placedOf(priority), name)
  redis.call('ZREM', placedOf(priority), name)
  if tag and unserved then return refund(priority, request, unserved) end
  local v = tonumber(redis.call('HGET', turnsOf(priority), 'v') or 0)
  if tag and tonumber(tag) > v then
    redis.call('HSET', turnsOf(priority), 'v', tag)
  end
end
`

// Orders that a worker has taken have to be ordered again if their job was lost. They go first, as
// if they were handed over, and in the lane that they were taken from, whatever priority their
// request has now: with a job in each lane, two workers would send them.
const LINE_UP = script(
  'line-up',
  { keys: ['request', 'line'], args: ['prefix', '...names'] },
  `${TURNS}
local priority = turnOf(request)
if not priority then return {} end
local answer, time = {}, redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
for _, name in ipairs(names) do
  local json, turn = waits(name)
  local tag = json and turn and redis.call('ZSCORE', placedOf(turn), name)
  local at = tonumber(redis.call('ZSCORE', line, name) or -1)
  if tag then
    tell(answer, name, turn, numberOf(turn, tag))
  elseif json and at < 0 then
    redis.call('ZADD', line, tonumber(string.match(name, '%.(%d+)%.%d+$') or 0), name)
    redis.call('HSETNX', ingestOf(name), 'due', now)
    countLined(priority, 1)
  elseif not json then
    local taken, lane = unpack(redis.call('HMGET', ingestOf(name), 'order', 'turn'))
    local own = taken and string.match(taken, '"priority":"(%a+)"')
    if own then tell(answer, name, lane or own, 0) end
  end
end
fill(answer, request, line)
redis.call('EXPIRE', line, ${LINE_SECONDS})
return answer
`,
)

// An order without a record is still ordered: the worker that takes it finds it gone.
const PLACE = script(
  'place-order',
  { keys: ['ingest'], args: ['prefix', 'name', 'priority'] },
  `${TURNS}
local answer, json, turn = {}, waits(name)
local tag = json and turn and redis.call('ZSCORE', placedOf(turn), name)
if tag then
  tell(answer, name, turn, numberOf(turn, tag))
elseif json then
  local chunks = cjson.decode(json).chunks
  local own = turnOf(prefix .. ':request:' .. string.lower(chunks[1].request))
  place(answer, name, #chunks == 1 and own or priority, json)
elseif redis.call('EXISTS', ingest) == 1 then
  tell(answer, name, redis.call('HGET', ingest, 'turn') or priority, 0)
else
  tell(answer, name, priority, numberOf(priority, 0))
end
return answer
`,
)

/** Where an ingest order is to wait in BullMQ. */
const turnSchema = z.object({
  order: z.string(),
  priority: z.enum(PRIORITIES),
  /** BullMQ's priority: lower goes first. */
  number: z.coerce.number().int(),
  /** Milliseconds since the epoch; null if it did not stand in line. */
  due: z.string().transform((ms) => (ms === '' ? null : Number(ms))),
})
export type Turn = Readonly<z.output<typeof turnSchema>>

/** Parses what `tell` wrote. */
export function parseTurns(answer: unknown): readonly Turn[] {
  const words = z.array(z.union([z.string(), z.number()])).parse(answer)
  return Array.from({ length: words.length / 4 }, (_, at) => {
    const [order, priority, number, due] = words.slice(4 * at)
    return turnSchema.parse({ order, priority, number, due: String(due) })
  })
}

export function turnVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { prefix } = keys
  return {
    /**
     * Lets orders of a request stand in its line. Returns those that are to be in BullMQ now,
     * whether or not they are there: ordering one twice has no effect.
     */
    async lineUp(id: string, orders: readonly string[]): Promise<readonly Turn[]> {
      const answer = await runScript(ledger, LINE_UP, {
        ...{ request: keys.request(id), line: keys.line(id) },
        ...{ prefix, names: orders },
      })
      return parseTurns(answer)
    },

    /** Gives one order its turn without a line, for rows that are sent again or shared jobs. */
    async placeOrder(order: string, priority: Priority): Promise<readonly Turn[]> {
      const answer = await runScript(ledger, PLACE, {
        ...{ ingest: keys.ingest(order), prefix },
        ...{ name: order, priority },
      })
      return parseTurns(answer)
    },
  }
}
