import { z } from 'zod'
import { groupCommit } from '../../base/group-commit.ts'
import { effect } from '../../base/trace.ts'
import { BudgetExceededError, type CallerLimits } from '../../contract/caller-limits.ts'
import type { GuardRails } from '../../contract/guard-rails.ts'
import type { ReceiptError, Signature } from '../../contract/receipt.ts'
import type { StoredRequest } from '../../contract/request.ts'
import { storedRequestJson } from '../../contract/request-json.ts'
import { BUDGET } from '../ledger/budget.ts'
import type { LedgerConnection } from '../ledger/connection.ts'
import type { OrgKeys } from '../ledger/keys.ts'
import { scoreOf } from '../ledger/live.ts'
import { TELL } from '../ledger/outbox.ts'
import { RAILS_FIELD } from '../ledger/rails.ts'
import type { Staged, TakenPlan } from '../ledger/record.ts'
import { evaluate, oneOf, script } from '../ledger/script.ts'
import type { Argument } from '../redis/bare-script.ts'

/**
 * Submissions per call. With more, Redis idles while this process prepares the call, and vice
 * versa.
 */
const AT_ONCE = 10

/** Arguments of one submission in the script below, followed by those of its plan's order. */
const ARGS_EACH = 17

// `others`: the keys of the order's script, then for each submission its record, its caller's
// spending, the tombstone of an earlier request with its id, and the record of the dry run whose plan
// it applies (or its own). `given`: for each submission its
// own arguments, then those of the order's script, or empty strings if there is no order.
//
// The lot tells a submission from another one of the same request: a submission that brings the
// stored lot is a repetition, for example by ioredis after a lost reply. The answer `existing`
// would make it drop the lot. A submission without a lot, or one that may be repeated with a new
// lot, is recognized by its entry. A key that is not a hash fails only its own submission, with
// Redis's error text. The org's guard rails are copied into the record: they apply to the request
// even if they change later. If the order fails, the caller gives it in a separate call and sees
// the error there.
const accepting = (insertLua: string) => `${TELL}${BUDGET}
local function insert(KEYS, ARGV)
${insertLua}
end
local queue = { unpack(others, 1, queueKeys) }
local records, each = #queue, tonumber(argsEach)
local byTime, byStatus = {}, {}
local rails = redis.call('HGET', settings, '${RAILS_FIELD}') or ''
local function take(planned, id, takes, instead)
  local status, kept, applied = unpack(redis.call('HMGET', planned, 'status', 'kept', 'appliedAs'))
  if applied and applied ~= id and applied ~= instead then return 'applied' end
  local plan = cjson.decode(takes)
  local name = string.lower(plan.request) .. ':' .. plan.lot
  if status ~= 'planned' or not kept or redis.call('HEXISTS', stagedLots, name) == 0
    or cjson.decode(kept)['until'] <= redis.call('TIME')[1] * 1000 then return 'expired' end
  redis.call('HSET', planned, 'appliedAs', id)
end
local function enter(key, spent, tombstone, planned, id, hash, request, at, score, staged, frame, by, limits, records, guards, entry, refusal, takes, instead, approved, callback)
  local known = redis.pcall('HGET', key, 'bodyHash')
  if known then
    if known ~= hash then return known.err or 'conflict' end
    local lot, entered = unpack(redis.call('HMGET', key, 'staged', 'entry'))
    if staged ~= '' and lot == staged then return 'accepted' end
    return entry ~= '' and entered == entry and 'repeated' or 'existing'
  end
  if redis.call('EXISTS', tombstone) == 1 then return 'gone' end
  local held, bucket = '', nil
  if limits ~= '' and records ~= '' then
    local may = cjson.decode(limits)
    local wait = waitFor(spent, tonumber(records), tonumber(may.recordsPerHour), tonumber(may.recordsPerDay))
    if wait ~= 0 then return 'over-budget ' .. wait end
    bucket = thisBucket()
    held = bucket .. ' ' .. records
  end
  local hindrance = takes ~= '' and take(planned, id, takes, instead)
  if hindrance then return hindrance end
  if bucket then spend(spent, bucket, tonumber(records)) end
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
  addFacts('takes', takes)
  addFacts('approvedBy', approved)
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
local function keysOf(n) return unpack(others, records + 4 * n - 3, records + 4 * n) end
local answers = {}
for n = 1, (#others - records) / 4 do
  local first, last = argsOf(n)
  local key, spent, tombstone, planned = keysOf(n)
  answers[n] = enter(key, spent, tombstone, planned, unpack(given, first, last))
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
  keys: ['requests', 'live', 'outbox', 'settings', 'stagedLots', '...others'],
  args: ['queueKeys', 'argsEach', '...given'],
} as const

type AcceptScript = ReturnType<
  typeof script<(typeof ACCEPT_TAKES.keys)[number], (typeof ACCEPT_TAKES.args)[number]>
>

const scripts = new Map<string, AcceptScript>()

/** One script for each version of BullMQ's script, and one without it. */
function acceptScript(insertLua: string): AcceptScript {
  const known = scripts.get(insertLua)
  if (known !== undefined) return known
  const made = script('accept', ACCEPT_TAKES, accepting(insertLua))
  scripts.set(insertLua, made)
  return made
}

/**
 * What BullMQ runs in Redis to add a job, for one of our scripts to run in its own step. A ledger
 * change and the order that follows are then atomic. BullMQ provides it as for its flows, by adding
 * to a transaction. The text is the one that it defined on the connection, so text and arguments
 * are of one version.
 */
export interface JobInsert {
  /** Lua that reads `KEYS` and `ARGV`. */
  readonly lua: string
  readonly keys: readonly string[]
  readonly args: readonly (string | Buffer)[]
}

/**
 * `ordered`: accepted, and its plan is ordered too. `repeated`: the same submission entered it
 * before, with another lot name or without a lot. `applied`: another request has taken the kept plan.
 * `expired`: the plan is not kept any more.
 */
export type Acceptance = (typeof ACCEPTANCES)[number]
const ACCEPTANCES = [
  ...(['accepted', 'ordered', 'repeated', 'existing', 'conflict', 'gone'] as const),
  ...(['applied', 'expired'] as const),
]

export interface Submission {
  readonly request: StoredRequest
  readonly bodyHash: string
  readonly staged: Staged | null
  /** The bytes, if `staged` says that they are in the record. */
  readonly frame?: Buffer | undefined
  readonly submittedAt: number
  /** Name of the caller's key; absent if the request arrived by a way without keys. */
  readonly submittedBy?: string | undefined
  readonly limits?: CallerLimits | undefined
  /** Guard rails that apply to it instead of the org's. */
  readonly guards?: GuardRails | undefined
  /** Identifies this submission among all of the same request if its lot does not. */
  readonly entry?: string | undefined
  /** Enters a request that is to end at once, so that nobody plans it meanwhile. */
  readonly refusal?: ReceiptError | undefined
  /** The plan of a dry run that it applies. */
  readonly takes?: TakenPlan | undefined
  /** A request that took the plan before and ended without applying it. */
  readonly instead?: string | undefined
  /** Who approved that plan by applying it. */
  readonly approvedBy?: Signature | undefined
  /** Number of records, if already known: they are charged to its caller's budget. */
  readonly records?: number | undefined
}

interface Entry {
  readonly submission: Submission
  /**
   * The order of its plan, given in the same step. All of an org's use one queue and one script.
   */
  readonly order: JobInsert | null
}

/**
 * Enters requests as `queued`. A taken id changes nothing: `existing` if it is the same request,
 * `conflict` if it is another, `gone` if it has ended and its record has expired. Concurrent
 * submissions share one call: separately, a list of ten ids with its plan's order took Redis 34 µs
 * instead of 29, and this process 38 µs instead of 30.
 *
 * It throws BudgetExceededError if the caller's budget has no room for the request's records.
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
  const own = all.flatMap(({ submission: { request, submittedBy = null, takes } }) => [
    keys.request(request.id),
    keys.spent(submittedBy),
    keys.tombstone(request.id),
    keys.request(takes?.request ?? request.id),
  ])
  const noOrder = insert.args.map(() => '')
  const answers = await evaluate(ledger, acceptScript(insert.lua), {
    requests: keys.requests,
    live: keys.live,
    outbox: keys.outbox,
    settings: keys.settings,
    stagedLots: keys.staged,
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
  const { limits, guards, records = '', entry = '', refusal, takes, instead = '' } = submission
  const { id } = request
  return [
    id.toLowerCase(),
    bodyHash,
    storedRequestJson(request),
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
    takes === undefined ? '' : JSON.stringify(takes),
    instead.toLowerCase(),
    submission.approvedBy === undefined
      ? ''
      : JSON.stringify({ ...submission.approvedBy, at: submittedAt }),
    request.callbackUrl === null ? '' : id,
  ]
}

function refuseOverBudget(answer: unknown, { limits, records = 0 }: Submission): void {
  const [, seconds] = /^over-budget (-?\d+)$/.exec(String(answer)) ?? []
  if (seconds === undefined || limits === undefined) return
  const wait = Number(seconds)
  throw new BudgetExceededError(records, limits, wait < 0 ? null : wait)
}
