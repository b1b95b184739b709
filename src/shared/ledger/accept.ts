import { z } from 'zod'
import { effect } from '../effect.ts'
import type { RedisClient } from '../redis.ts'
import type { Staged, StoredRequest } from '../request.ts'
import { lotEntry, lotName } from '../staging/lots.ts'
import { together } from '../together.ts'
import type { OrgKeys } from './keys.ts'
import { scoreOf } from './live.ts'
import { TELL } from './outbox.ts'
import { evaluate, oneOf, script } from './script.ts'

/** In one call. With more of them Redis waits while this process prepares, and the other way round. */
const AT_ONCE = 16

/** Of one submission in the script below. */
const KEYS_EACH = 2
const ARGS_EACH = 11

// A lot is staged for one submission: who comes again with the lot that is kept repeats itself, as
// ioredis does when the reply was lost. Told `existing`, it would drop the lot as not needed. A key
// that is no hash is the trouble of its own submission alone, told in Redis's words.
const ACCEPT = script(
  'accept',
  `${TELL}
local requests, live, outbox, staged = unpack(KEYS, 1, 4)
local function enter(key, frames, id, hash, request, at, score, lot, by, callback, name, entry, frame)
  local known = redis.pcall('HMGET', key, 'bodyHash', 'staged')
  if known.err then return known.err end
  if known[1] then
    if known[1] ~= hash then return 'conflict' end
    return lot ~= '' and known[2] == lot and 'accepted' or 'existing'
  end
  redis.call('HSET', key, 'request', request, 'bodyHash', hash, 'status', 'queued',
    'submittedAt', at, 'staged', lot)
  if by ~= '' then redis.call('HSET', key, 'submittedBy', by) end
  redis.call('ZADD', requests, at, id)
  redis.call('ZADD', live, score, id)
  if callback ~= '' then
    redis.call('HSET', key, 'callback', callback)
    tell(key, outbox, 'queued')
  end
  if frame ~= '' then
    redis.call('HSET', staged, name, entry)
    redis.call('RPUSH', frames, frame)
  end
  return 'accepted'
end
local answers = {}
for i = 1, #ARGV / ${ARGS_EACH} do
  local key, arg = 4 + (i - 1) * ${KEYS_EACH}, (i - 1) * ${ARGS_EACH}
  answers[i] = enter(KEYS[key + 1], KEYS[key + 2], unpack(ARGV, arg + 1, arg + ${ARGS_EACH}))
end
return answers
`,
)

export type Acceptance = 'accepted' | 'existing' | 'conflict'

export interface Submission {
  readonly request: StoredRequest
  readonly bodyHash: string
  readonly staged: Staged | null
  /** All of what is staged, where it is so small that the same step stages it. */
  readonly frame?: Buffer | undefined
  readonly submittedAt: number
  /** Name of the key that its caller had; absent where it came by a door without keys. */
  readonly submittedBy?: string | undefined
}

/**
 * Enters requests as `queued`. An id that is taken changes nothing: `existing` where it is the same
 * request, `conflict` where it is another. Those that come at once are entered by one call: one by
 * one a list of ten ids took Redis 6 µs of 47 more with its plan's order, and this process 14 of 60.
 */
export function acceptor(
  redis: RedisClient,
  keys: OrgKeys,
): (submission: Submission) => Promise<Acceptance> {
  const enter = together<Submission, unknown>(AT_ONCE, (all) => enterAll(redis, keys, all))
  return async (submission) => {
    const answer = await effect('redis:accept', () => enter(submission))
    return oneOf(answer, ['accepted', 'existing', 'conflict'])
  }
}

async function enterAll(
  redis: RedisClient,
  keys: OrgKeys,
  all: readonly Submission[],
): Promise<readonly unknown[]> {
  const own = all.flatMap(({ request: { id }, staged }) => [
    keys.request(id),
    keys.frames(id, staged?.lot ?? '', 0),
  ])
  const shared = [keys.requests, keys.live, keys.outbox, keys.staged]
  const answers = await evaluate(redis, ACCEPT, [...shared, ...own], all.flatMap(argsOf))
  return z.array(z.unknown()).parse(answers)
}

function argsOf(submission: Submission): (string | number | Buffer)[] {
  const { request, bodyHash, staged, frame = '', submittedAt, submittedBy = '' } = submission
  const { id } = request
  return [
    id.toLowerCase(),
    bodyHash,
    JSON.stringify(request),
    submittedAt,
    scoreOf('queued', submittedAt),
    staged === null ? '' : JSON.stringify(staged),
    submittedBy,
    request.callbackUrl === null ? '' : id,
    lotName({ request: id, lot: staged?.lot ?? '' }),
    lotEntry(submittedAt),
    frame,
  ]
}
