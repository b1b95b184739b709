import type { RedisClient } from '../redis.ts'
import type { Staged, StoredRequest } from '../request.ts'
import type { OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { oneOf, runScript, script } from './script.ts'

// A lot is staged for one submission: who comes again with the lot that is kept repeats itself, as
// ioredis does when the reply was lost. Told `existing`, it would drop the lot as not needed.
const ACCEPT = script(
  'accept',
  `${TELL}${STAND}
local known = redis.call('HMGET', KEYS[1], 'bodyHash', 'staged')
if known[1] then
  if known[1] ~= ARGV[2] then return 'conflict' end
  return ARGV[5] ~= '' and known[2] == ARGV[5] and 'accepted' or 'existing'
end
redis.call('HSET', KEYS[1], 'request', ARGV[3], 'bodyHash', ARGV[2], 'status', 'queued',
  'submittedAt', ARGV[4], 'staged', ARGV[5])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'submittedBy', ARGV[6]) end
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], 'callback', ARGV[7]) end
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
stand(KEYS[3], ARGV[1], KEYS[1], 'queued')
tell(KEYS[1], KEYS[4], 'queued')
return 'accepted'
`,
)

export type Acceptance = 'accepted' | 'existing' | 'conflict'

export interface Submission {
  readonly request: StoredRequest
  readonly bodyHash: string
  readonly staged: Staged | null
  readonly submittedAt: number
  /** Name of the key that its caller had; absent where it came by a door without keys. */
  readonly submittedBy?: string | undefined
}

/**
 * Enters a request as `queued`. An id that is taken changes nothing: `existing` where it is the
 * same request, `conflict` where it is another.
 */
export async function accept(
  redis: RedisClient,
  keys: OrgKeys,
  submission: Submission,
): Promise<Acceptance> {
  const { request, bodyHash, staged, submittedAt, submittedBy = '' } = submission
  const answer = await runScript(
    redis,
    ACCEPT,
    [keys.request(request.id), keys.requests, keys.live, keys.outbox],
    [
      request.id.toLowerCase(),
      bodyHash,
      JSON.stringify(request),
      submittedAt,
      staged === null ? '' : JSON.stringify(staged),
      submittedBy,
      request.callbackUrl === null ? '' : request.id,
    ],
  )
  return oneOf(answer, ['accepted', 'existing', 'conflict'])
}
