import type { RedisClient } from '../redis.ts'
import type { Staged, StoredRequest } from '../request.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'

const ACCEPT = script(`
local known = redis.call('HGET', KEYS[1], 'bodyHash')
if known then return known == ARGV[2] and 'existing' or 'conflict' end
redis.call('HSET', KEYS[1], 'request', ARGV[3], 'bodyHash', ARGV[2], 'status', 'queued',
  'submittedAt', ARGV[4], 'staged', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
redis.call('SADD', KEYS[3], ARGV[1])
return 'accepted'
`)

export type Acceptance = 'accepted' | 'existing' | 'conflict'

export interface Submission {
  readonly request: StoredRequest
  readonly bodyHash: string
  readonly staged: Staged | null
  readonly submittedAt: number
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
  const { request, bodyHash, staged, submittedAt } = submission
  const answer = await runScript(
    redis,
    ACCEPT,
    [keys.request(request.id), keys.requests, keys.live],
    [
      request.id.toLowerCase(),
      bodyHash,
      JSON.stringify(request),
      submittedAt,
      staged === null ? '' : JSON.stringify(staged),
    ],
  )
  return oneOf(answer, ['accepted', 'existing', 'conflict'])
}
