import { STATUSES, type Status } from '../../contract/status.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/**
 * Status changes to report to callers: a list, appended by the script that makes the change, so
 * that no crash can come between the two. An entry is removed only after its delivery was ordered,
 * so it may be ordered and delivered twice.
 */

/**
 * Lua: `tell(request, outbox, status)` records a change of a request that has a callback; its field
 * `callback` holds its id. Redis's clock orders the entries of several processes.
 */
export const TELL = `
local function tell(request, outbox, status)
  local id = redis.call('HGET', request, 'callback')
  if not id then return end
  local time = redis.call('TIME')
  local at = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  redis.call('RPUSH', outbox, string.format('%s %s %.0f', id, status, at))
end
`

/** A change to report. `at` is in milliseconds since the epoch. */
type StatusChange = {
  readonly id: string
  readonly status: Status
  readonly at: number
  /** The list entry itself. */
  readonly entry: string
}

const TOLD = script(
  'status-told',
  { keys: ['outbox'], args: ['entry'] },
  `return redis.call('LREM', outbox, 1, entry)`,
)

export function outboxVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  return {
    /** The oldest changes; entries in a newer version's format are left in place. */
    async statusChanges(count: number): Promise<readonly StatusChange[]> {
      const entries = await ledger.verified(redis.lrange(keys.outbox, 0, count - 1))
      return entries.flatMap((entry) => {
        const [id = '', word, at] = entry.split(' ')
        const status = STATUSES.find((known) => known === word)
        return status === undefined ? [] : [{ id, status, at: Number(at), entry }]
      })
    },

    /** Removes a change whose delivery was ordered; removing it again is harmless. */
    async statusTold({ entry }: StatusChange): Promise<void> {
      await runScript(ledger, TOLD, { outbox: keys.outbox, entry })
    },
  }
}
