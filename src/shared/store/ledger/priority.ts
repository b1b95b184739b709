import { z } from 'zod'
import type { Signature } from '../../contract/receipt.ts'
import { PRIORITIES, type Priority } from '../../contract/request.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'
import { SIGN, signatureArgs } from './signed.ts'
import { parseTurns, TURNS, type Turn } from './turns.ts'

// Only the record that the caller has read is replaced. Orders in line get the priority with their
// turn. Orders that a worker has taken keep it. Orders with chunks of other requests do, too.
//
// Orders that wait for quota lose their place there: the new priority leaves another reserve. A worker
// has taken their turn and handed them back, so they get a new one, and their job moves with it.
const CHANGE_PRIORITY = script(
  'change-priority',
  {
    keys: ['request', 'open', 'line', 'held'],
    args: ['prefix', 'before', 'after', 'priority', 'actor', 'reason'],
  },
  `${TURNS}${SIGN}
local asked, receipt = unpack(redis.call('HMGET', request, 'request', 'receipt'))
if not asked then return {'unknown'} end
if receipt then return {'over'} end
if asked ~= before then return {'changed'} end
local old, caller = turnOf(request)
redis.call('HSET', request, 'request', after, 'turn', priority .. ':' .. caller)
if old ~= priority then
  redis.call('HDEL', request, 'prioritizedBy')
  sign(request, 'prioritizedBy', actor, reason)
end
local lined = redis.call('ZCOUNT', line, 0, '+inf')
if old ~= priority and lined > 0 then
  countLined(old, -lined)
  countLined(priority, lined)
end
local answer, seen, recalled = {}, {}, {}
for _, name in ipairs(redis.call('HVALS', open)) do
  local json, turn = waits(name)
  local isOwn = json and select(2, string.gsub(json, '"request":', '')) == 1
  if isOwn and not seen[name] then
    seen[name] = true
    local fresh = withPriority(name, json, priority)
    local isHeld = fresh ~= json and redis.call('ZREM', held, name) == 1
    if isHeld then recalled[#recalled + 1] = name end
    json = fresh
    if turn and turn ~= priority then
      local isPlaced = redis.call('ZREM', placedOf(turn), name) == 1
      if isPlaced then refund(turn, request, json) end
      if isPlaced or isHeld then
        answer[#answer + 1] = turn
        place(answer, name, priority, json)
        rest(turn)
      end
    end
  end
end
return {'set', recalled, answer}
`,
)

/** An order that waits elsewhere now. */
type MovedTurn = {
  readonly from: Priority
  readonly to: Turn
}

type PriorityChange =
  | { readonly kind: 'unknown' | 'over' }
  | {
      readonly kind: 'set'
      readonly moved: readonly MovedTurn[]
      /** Orders that were put aside for want of quota, and are to try again. */
      readonly recalled: readonly string[]
    }

export function priorityVerb(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /**
     * Changes the priority of a request and of its orders that no worker has taken. The caller moves
     * and recalls their jobs. Who changed it last is recorded. Repeating it changes nothing. `over`:
     * the request has its receipt.
     */
    async changePriority(id: string, priority: Priority, by?: Signature): Promise<PriorityChange> {
      for (;;) {
        const before = await ledger.verified(ledger.redis.hget(keys.request(id), 'request'))
        if (before === null) return { kind: 'unknown' }
        const answer = await runScript(ledger, CHANGE_PRIORITY, {
          ...{ request: keys.request(id), open: keys.open(id), line: keys.line(id) },
          ...{ held: keys.held, prefix: keys.prefix, before, priority },
          ...signatureArgs(by),
          // Fields of a newer version stay.
          after: JSON.stringify({ ...z.looseObject({}).parse(JSON.parse(before)), priority }),
        })
        const [word, recalled, moved] = Array.isArray(answer) ? answer : []
        const kind = oneOf(word, ['unknown', 'over', 'changed', 'set'])
        if (kind === 'set') {
          return { kind, moved: movedTurns(moved), recalled: z.array(z.string()).parse(recalled) }
        }
        if (kind !== 'changed') return { kind }
      }
    },
  }
}

/** Five words for each order: its former priority, and its turn. */
function movedTurns(answer: unknown): readonly MovedTurn[] {
  const words = z.array(z.unknown()).parse(answer)
  return Array.from({ length: words.length / 5 }, (_, at) => {
    const [from, ...turn] = words.slice(5 * at, 5 * at + 5)
    return parseTurns(turn).map((to) => ({ from: oneOf(from, PRIORITIES), to }))
  }).flat()
}
