import { z } from 'zod'
import { groupCommit } from '../../base/group-commit.ts'
import { effect } from '../../base/trace.ts'
import { BudgetExceededError, type CallerLimits } from '../../contract/caller-limits.ts'
import type { GuardRails } from '../../contract/guard-rails.ts'
import type { ReceiptError } from '../../contract/receipt.ts'
import type { StoredRequest } from '../../contract/request.ts'
import { BUDGET } from '../ledger/budget.ts'
import type { LedgerConnection } from '../ledger/connection.ts'
import type { OrgKeys } from '../ledger/keys.ts'
import { scoreOf } from '../ledger/live.ts'
import { TELL } from '../ledger/outbox.ts'
import { RAILS_FIELD } from '../ledger/rails.ts'
import type { Staged } from '../ledger/record.ts'
import { evaluate, oneOf, script } from '../ledger/script.ts'
import type { Argument } from '../redis/bare-script.ts'

/** In one call. With more of them Redis waits while this process prepares, and the other way round. */
const AT_ONCE = 10

/** Of one submission in the script below, before those of its plan's order. */
const ARGS_EACH = 14

// `others`: the keys of the order's script, then of each submission its record, its caller's spending and
// what is left of an earlier request of its id. `given`: of each submission its own arguments, then
// those of the order's script, empty strings where there is no order.
//
// A submission is told from another of the same request by its lot: who comes again with the lot
// that is kept repeats itself, as ioredis does when the reply was lost. Told `existing`, it would
// drop the lot as not needed. One without a lot, or whose door may bring it again with a new lot, is
// told by its entry. A key that is no hash is the trouble of its own submission alone, told
// in Redis's words. The org's guard rails are copied into the record: whatever becomes of them, this is
// what the request is held to. An order that fails is left to whoever gives it by itself, and hears why.
const accepting = (insertLua: string) => `${TELL}${BUDGET}
local function insert(KEYS, ARGV)
${insertLua}
end
local queue = { unpack(others, 1, queueKeys) }
local records, each = #queue, tonumber(argsEach)
local byTime, byStatus = {}, {}
local rails = redis.call('HGET', settings, '${RAILS_FIELD}') or ''
local function enter(key, spent, tombstone, id, hash, request, at, score, staged, frame, by, limits, records, guards, entry, refusal, callback)
  local known = redis.pcall('HGET', key, 'bodyHash')
  if known then
    if known ~= hash then return known.err or 'conflict' end
    local lot, entered = unpack(redis.call('HMGET', key, 'staged', 'entry'))
    if staged ~= '' and lot == staged then return 'accepted' end
    return entry ~= '' and entered == entry and 'repeated' or 'existing'
  end
  if redis.call('EXISTS', tombstone) == 1 then return 'gone' end
  local held = ''
  if limits ~= '' and records ~= '' then
    local may = cjson.decode(limits)
    local wait = waitFor(spent, tonumber(records), tonumber(may.recordsPerHour), tonumber(may.recordsPerDay))
    if wait ~= 0 then return 'over-budget ' .. wait end
    local bucket = thisBucket()
    spend(spent, bucket, tonumber(records))
    held = bucket .. ' ' .. records
  end
  local fields = { 'request', request, 'bodyHash', hash, 'status', 'queued',
    'submittedAt', at, 'staged', staged }
  local function addFacts(field, value)
    if value ~= '' then fields[#fields + 1], fields[#fields + 2] = field, value end
  end
  addFacts('frame', frame)
  addFacts('submittedBy', by)
  addFacts('entry', entry)
  addFacts('refusal', refusal)
  addFacts('callback', callback)
  addFacts('limits', limits)
  addFacts('spent', held)
  addFacts('guards', guards ~= '' and guards or rails)
  redis.call('HSET', key, unpack(fields))
  byTime[#byTime + 1], byTime[#byTime + 2] = at, id
  byStatus[#byStatus + 1], byStatus[#byStatus + 2] = score, id
  return 'entered'
end
local function order(args)
  if (args[1] or '') == '' then return 'accepted' end
  local done, job = pcall(insert, queue, args)
  return done and type(job) == 'string' and 'ordered' or 'accepted'
end
local function argsOf(n)
  local first = 1 + (n - 1) * each
  return first, first + ${ARGS_EACH - 1}, first + each - 1
end
local function keysOf(n) return unpack(others, records + 3 * n - 2, records + 3 * n) end
local answers = {}
for n = 1, (#others - records) / 3 do
  local first, last = argsOf(n)
  local key, spent, tombstone = keysOf(n)
  answers[n] = enter(key, spent, tombstone, unpack(given, first, last))
end
if #byTime == 0 then return answers end
redis.call('ZADD', requests, unpack(byTime))
redis.call('ZADD', live, unpack(byStatus))
for n, answer in ipairs(answers) do
  if answer == 'entered' then
    local _, callback, last = argsOf(n)
    if given[callback] ~= '' then tell((keysOf(n)), outbox, 'queued') end
    answers[n] = order({ unpack(given, callback + 1, last) })
  end
end
return answers
`

const ACCEPT_TAKES = {
  keys: ['requests', 'live', 'outbox', 'settings', '...others'],
  args: ['queueKeys', 'argsEach', '...given'],
} as const

type AcceptScript = ReturnType<
  typeof script<(typeof ACCEPT_TAKES.keys)[number], (typeof ACCEPT_TAKES.args)[number]>
>

const scripts = new Map<string, AcceptScript>()

/** One for each version of BullMQ's script, and one without. */
function acceptScript(insertLua: string): AcceptScript {
  const known = scripts.get(insertLua)
  if (known !== undefined) return known
  const made = script('accept', ACCEPT_TAKES, accepting(insertLua))
  scripts.set(insertLua, made)
  return made
}

/**
 * What BullMQ runs in Redis to add a job, for a script of ours to run within its own step: a change
 * of the ledger and the order that follows from it are one then. BullMQ tells it as it does for its
 * flows, by adding to a transaction; the text is the one that it has defined on the connection, so
 * that text and arguments are of one version.
 */
export interface JobInsert {
  /** Lua that reads `KEYS` and `ARGV`. */
  readonly lua: string
  readonly keys: readonly string[]
  readonly args: readonly (string | Buffer)[]
}

/**
 * `ordered` is accepted, and its plan is ordered too. `repeated` was entered before by the same
 * submission, with a lot of another name or none.
 */
export type Acceptance = (typeof ACCEPTANCES)[number]
const ACCEPTANCES = ['accepted', 'ordered', 'repeated', 'existing', 'conflict', 'gone'] as const

export interface Submission {
  readonly request: StoredRequest
  readonly bodyHash: string
  readonly staged: Staged | null
  /** The bytes themselves, where `staged` says that they are in the record. */
  readonly frame?: Buffer | undefined
  readonly submittedAt: number
  /** Name of the key that its caller had; absent where it came by a door without keys. */
  readonly submittedBy?: string | undefined
  readonly limits?: CallerLimits | undefined
  /** What it is to be held to instead of the org's guard rails. */
  readonly guards?: GuardRails | undefined
  /** Names this submission among all of the same request, where its lot does not. */
  readonly entry?: string | undefined
  /** Enters a request that is to end at once, so that nobody plans it meanwhile. */
  readonly refusal?: ReceiptError | undefined
  /** How many records it is for, where that is known already: its caller's budget is charged with them. */
  readonly records?: number | undefined
}

interface Entry {
  readonly submission: Submission
  /** Of its plan, to be given by the same step. All of an org's are for one queue, by one script. */
  readonly order: JobInsert | null
}

/**
 * Enters requests as `queued`. An id that is taken changes nothing: `existing` where it is the same
 * request, `conflict` where it is another, `gone` where it has ended and its record has expired. Those that come at once are entered by one call: one by
 * one, a list of ten ids with its plan's order took Redis 34 µs instead of 29, this process 38
 * instead of 30.
 *
 * It throws BudgetExceededError where the caller's budget has no room for the request's records.
 */
export function acceptor(
  ledger: LedgerConnection,
  keys: OrgKeys,
): (submission: Submission, order?: JobInsert | null) => Promise<Acceptance> {
  const enter = groupCommit<Entry, unknown>(AT_ONCE, (all) => enterAll(ledger, keys, all))
  return async (submission, order = null) => {
    const answer = await effect('redis:accept', () => enter({ submission, order }))
    refuseOverBudget(answer, submission)
    return oneOf(answer, ACCEPTANCES)
  }
}

async function enterAll(
  ledger: LedgerConnection,
  keys: OrgKeys,
  all: readonly Entry[],
): Promise<readonly unknown[]> {
  const insert = all.find(({ order }) => order !== null)?.order ?? NO_INSERT
  const own = all.flatMap(({ submission: { request, submittedBy = null } }) => [
    keys.request(request.id),
    keys.spent(submittedBy),
    keys.tombstone(request.id),
  ])
  const noOrder = insert.args.map(() => '')
  const answers = await evaluate(ledger, acceptScript(insert.lua), {
    requests: keys.requests,
    live: keys.live,
    outbox: keys.outbox,
    settings: keys.settings,
    others: [...insert.keys, ...own],
    queueKeys: insert.keys.length,
    argsEach: ARGS_EACH + insert.args.length,
    given: all.flatMap(({ submission, order }) => [
      ...argsOf(submission),
      ...(order?.args ?? noOrder),
    ]),
  })
  return z.array(z.unknown()).parse(answers)
}

const NO_INSERT: JobInsert = { lua: '', keys: [], args: [] }

function argsOf(submission: Submission): Argument[] {
  const { request, bodyHash, staged, frame = '', submittedAt, submittedBy = '' } = submission
  const { limits, guards, records = '', entry = '', refusal } = submission
  const { id } = request
  return [
    id.toLowerCase(),
    bodyHash,
    JSON.stringify(request),
    submittedAt,
    scoreOf('queued', submittedAt),
    staged === null ? '' : JSON.stringify(staged),
    frame,
    submittedBy,
    limits === undefined ? '' : JSON.stringify(limits),
    records,
    guards === undefined ? '' : JSON.stringify(guards),
    entry,
    refusal === undefined ? '' : JSON.stringify(refusal),
    request.callbackUrl === null ? '' : id,
  ]
}

function refuseOverBudget(answer: unknown, { limits, records = 0 }: Submission): void {
  const [, seconds] = /^over-budget (-?\d+)$/.exec(String(answer)) ?? []
  if (seconds === undefined || limits === undefined) return
  const wait = Number(seconds)
  throw new BudgetExceededError(records, limits, wait < 0 ? null : wait)
}
