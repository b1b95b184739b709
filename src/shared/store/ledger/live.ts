import { LIVE_STATUSES, type LiveStatus } from '../../contract/receipt.ts'

/**
 * The live requests, in one sorted set: the score says the status first and then the age. So one
 * command moves a request on, and how many stand at a status, and since when, takes no walk over
 * them.
 */

/** Milliseconds, from 1970 to the year 2286. */
const SPAN = 1e13

/**
 * Lua: `stand(live, id, request, status)` enters a live request or moves it on. A record that is
 * damaged is the oldest of all: it must not stop the script halfway.
 */
export const STAND = `
local ranks = { ${LIVE_STATUSES.map((status, rank) => `['${status}'] = ${rank}`).join(', ')} }
local function stand(live, id, request, status)
  local submittedAt = tonumber(redis.call('HGET', request, 'submittedAt') or 0) or 0
  redis.call('ZADD', live, ranks[status] * ${SPAN} + submittedAt, id)
end
`

/** What `stand` makes of a request that is just entered. */
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
