import { backoff, LONGEST_SERVER_WAIT_MS } from '../../base/backoff.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { type PauseReason, type PauseState, parseState } from './pause.ts'
import { oneOf, runScript, script } from './script.ts'

/**
 * The life of an org's fault: raised, waited out, probed by one job, cleared or raised again. Times
 * come from the workers' clocks, in milliseconds.
 */

/**
 * A first fault pauses for this long; each further one in a row for twice as long, up to five
 * minutes.
 */
const pauseMs = backoff({ first: 5000, factor: 2, cap: 5 * 60_000 })
/** The same as a Lua table; the last entry is the longest. */
const PAUSES_MS = `{${[1, 2, 3, 4, 5, 6, 7].map((failures) => pauseMs(failures)).join(', ')}}`

/**
 * A probe silent for this long has died or hangs. Under `quota` the probe is a whole ingest job.
 */
const LEASE_MS = 60_000
const QUOTA_LEASE_MS = 15 * 60_000

const MOST_MESSAGE = 500

// `quota` holds only new ingest jobs, so a fault that holds every call replaces it.
const RAISE = script(
  'raise-fault',
  { keys: ['pause'], args: ['by', 'reason', 'message', 'at', 'retryAt'] },
  `
local json = redis.call('HGET', pause, 'fault')
local fault = json and cjson.decode(json)
local now, asked = tonumber(at), tonumber(retryAt)
local answer = 'raised'
if fault and fault.probe ~= by and (fault.reason ~= 'quota' or reason == 'quota') then
  if asked <= fault['until'] then return 'stands' end
  fault['until'] = asked
  answer = 'stands'
else
  local again = fault and fault.probe == by
  local failures = again and fault.failures + 1 or 1
  local pauses = ${PAUSES_MS}
  local own = now + pauses[math.min(failures, #pauses)]
  fault = { reason = reason, message = message, failures = failures,
    since = again and fault.since or now, own = own, ['until'] = math.max(own, asked) }
end
redis.call('HSET', pause, 'fault', cjson.encode(fault))
return answer
`,
)

/** An error that concerns the whole org. */
export interface OrgFault {
  readonly reason: PauseReason
  readonly message: string
  /** The server's Retry-After; 0 if it sent none. */
  readonly afterMs: number
}

type RaiseEntry = OrgFault & {
  /** Who met the fault; tells whether it was the probe. */
  readonly by: string
  readonly now: number
}

/**
 * The intended call: `start`, to begin or close an ingest job; `follow`, to follow a running one;
 * `plan`, to read ids from the org. An operator's pause holds all but `follow`. The quota of bulk
 * batches holds `start` alone.
 */
export type PauseNeed = 'start' | 'follow' | 'plan'

const ENTER = script(
  'enter-gate',
  { keys: ['pause'], args: ['by', 'need', 'at', 'how'] },
  `
local held = redis.call('HMGET', pause, 'operator', 'fault')
local start = need == 'start'
if held[1] and need ~= 'follow' then return {'wait', held[1], held[2]} end
local fault = held[2] and cjson.decode(held[2])
if not fault then return {'go', held[1], held[2]} end
local now, quota = tonumber(at), fault.reason == 'quota'
local due = how == 'stopping' and fault.own or fault['until']
if fault.probe ~= by then
  if quota and not start then return {'go', held[1], held[2]} end
  if now < due then return {'wait', held[1], held[2]} end
  if fault.probe and now < fault.lease then return {'wait', held[1], held[2]} end
end
fault.probe = by
fault.lease = now + (quota and ${QUOTA_LEASE_MS} or ${LEASE_MS})
local json = cjson.encode(fault)
redis.call('HSET', pause, 'fault', json)
return {'probe', held[1], json}
`,
)

type EnterEntry = {
  readonly by: string
  readonly need: PauseNeed
  /**
   * The ingest job is to be aborted. It need not wait as long as the server asked, because an
   * operator waits for the abort, and our own delay, up to five minutes, does not strain the server
   * either.
   */
  readonly stopping?: boolean
  readonly now: number
}

/** `go`: proceed. `probe`: try on behalf of all. `wait`: until the state changes. */
type Entered = {
  readonly kind: 'go' | 'probe' | 'wait'
  readonly state: PauseState
}

// Any success counts, not only the current probe's: one that took longer than its lease is equally
// valid.
const CLEAR = script(
  'clear-fault',
  { keys: ['pause'], args: ['since'] },
  `
local json = redis.call('HGET', pause, 'fault')
if not json or cjson.decode(json).since ~= tonumber(since) then return 'kept' end
redis.call('HDEL', pause, 'fault')
return 'cleared'
`,
)

const LEAVE = script(
  'leave-gate',
  { keys: ['pause'], args: ['by'] },
  `
local json = redis.call('HGET', pause, 'fault')
local fault = json and cjson.decode(json)
if fault and fault.probe == by then
  fault.probe, fault.lease = nil, nil
  redis.call('HSET', pause, 'fault', cjson.encode(fault))
end
return 'ok'
`,
)

export function faultVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /**
     * Pauses the org. Only a failed probe extends a standing pause (`raised`). Other calls were
     * already under way when it began, so only their Retry-After counts (`stands`).
     */
    async raiseFault({
      reason,
      message,
      afterMs,
      by,
      now,
    }: RaiseEntry): Promise<'raised' | 'stands'> {
      const asked = afterMs > 0 ? now + Math.min(afterMs, LONGEST_SERVER_WAIT_MS) : 0
      const answer = await runScript(ledger, RAISE, {
        pause: keys.pause,
        by,
        reason,
        message: message.slice(0, MOST_MESSAGE),
        at: now,
        retryAt: asked,
      })
      return oneOf(answer, ['raised', 'stands'])
    },

    /**
     * Asks whether the org accepts a call now. Once a fault has run out, exactly one job of all
     * workers gets `probe`. It reports the result, or its lease expires and the next job may try.
     * If the probe asks again, its lease is renewed.
     */
    async enterGate({ by, need, stopping = false, now }: EnterEntry): Promise<Entered> {
      const how = stopping ? 'stopping' : 'as-asked'
      const answer = await runScript(ledger, ENTER, { pause: keys.pause, by, need, at: now, how })
      const [kind, ...fields] = Array.isArray(answer) ? answer : []
      return { kind: oneOf(kind, ['go', 'probe', 'wait']), state: parseState(fields) }
    },

    /** A probe succeeded: the fault that began at `since` is over. */
    async clearFault(since: number): Promise<'cleared' | 'kept'> {
      const answer = await runScript(ledger, CLEAR, { pause: keys.pause, since })
      return oneOf(answer, ['cleared', 'kept'])
    },

    /** The probe leaves without a result: the next one may try at once. */
    async leaveGate(by: string): Promise<void> {
      await runScript(ledger, LEAVE, { pause: keys.pause, by })
    },
  }
}
