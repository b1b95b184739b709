import { LIVE_STATUSES, type LiveStatus } from '../../contract/status.ts'

/**
 * The live requests, in one sorted set whose score combines status and age. One command changes a
 * request's status, and counting a status or finding its oldest request needs no iteration.
 */

/** Milliseconds, from 1970 to the year 2286. */
const SPAN = 1e13

/**
 * Lua: `stand(live, id, request, status)` adds a live request or updates its status. A damaged
 * record counts as the oldest, because it must not stop the script halfway.
 */
export const STAND = `
local ranks = { ${LIVE_STATUSES.map((status, rank) => `['${status}'] = ${rank}`).join(', ')} }
local function stand(live, id, request, status)
  local submittedAt = tonumber(redis.call('HGET', request, 'submittedAt') or 0) or 0
  redis.call('ZADD', live, ranks[status] * ${SPAN} + submittedAt, id)
end
`

/** The score that `stand` gives a request that was just entered. */
export function scoreOf(status: LiveStatus, submittedAt: number): number {
  return LIVE_STATUSES.indexOf(status) * SPAN + submittedAt
}

/** The scores of one status, as arguments of ZCOUNT and ZRANGEBYSCORE. */
export function scoresOf(status: LiveStatus): readonly [from: number, to: string] {
  const from = scoreOf(status, 0)
  return [from, `(${from + SPAN}`]
}

/** When the request with this score was submitted, in milliseconds since the epoch. */
export const submittedAtOf = (score: number): number => score % SPAN
