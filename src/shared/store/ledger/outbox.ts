import { STATUSES, type Status } from '../../contract/receipt.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/**
 * Changes of status that a caller wants to be told: a list, appended by the very script that makes
 * the change, so that no crash comes between the two. Whoever delivers takes an entry away only once
 * its delivery is ordered; it may then be ordered, and told, twice.
 */

/**
 * Lua: `tell(request, outbox, status)` notes a change of a request that has a callback; its field
 * `callback` holds its id. Redis's own clock orders what several processes note.
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

/** A change to be told. `at` is in milliseconds since the epoch. */
type StatusChange = {
  readonly id: string
  readonly status: Status
  readonly at: number
  /** The entry itself. */
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
    /** The oldest changes; entries that a newer version wrote otherwise are left where they are. */
    async statusChanges(count: number): Promise<readonly StatusChange[]> {
      const entries = await ledger.verified(redis.lrange(keys.outbox, 0, count - 1))
      return entries.flatMap((entry) => {
        const [id = '', word, at] = entry.split(' ')
        const status = STATUSES.find((known) => known === word)
        return status === undefined ? [] : [{ id, status, at: Number(at), entry }]
      })
    },

    /** Takes a change away whose delivery is ordered; taking it away again is harmless. */
    async statusTold({ entry }: StatusChange): Promise<void> {
      await runScript(ledger, TOLD, { outbox: keys.outbox, entry })
    },
  }
}
