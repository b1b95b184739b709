import type { LedgerConnection } from './connection.ts'
import type { JobLock, OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/**
 * A worker that begins something counts as crashed until it progresses: a counter is stored beside
 * it, `starts` in an ingest order and `plans` in a request. These verbs take the count back.
 */

const HAND_BACK = script(
  'hand-back',
  { keys: ['begun', 'lock'], args: ['token', 'counter'] },
  `
if redis.call('GET', lock) == token and redis.call('EXISTS', begun) == 1 then
  redis.call('HSET', begun, counter, 0)
end
return 'ok'
`,
)

// Only our own start is taken back. The start of a worker that holds the lock by now stays, because
// an order without any counts as untaken: others may then end its chunks or send them elsewhere.
const FORGIVE = script(
  'forgive',
  { keys: ['begun', 'lock'], args: ['counter'] },
  `
local count = tonumber(redis.call('HGET', begun, counter) or '0')
if count > redis.call('EXISTS', lock) then redis.call('HSET', begun, counter, count - 1) end
return 'ok'
`,
)

async function handBack(
  ledger: LedgerConnection,
  keys: OrgKeys,
  key: string,
  counter: 'starts' | 'plans',
  lock: JobLock,
): Promise<void> {
  const { token } = lock
  await runScript(ledger, HAND_BACK, { begun: key, lock: keys.lock(lock), token, counter })
}

export function startVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /** Hands an order back without counting a crash: the worker only stops. */
    async handBackOrder(order: string, lock: JobLock): Promise<void> {
      await handBack(ledger, keys, keys.ingest(order), 'starts', lock)
    },

    /** Gives a planning attempt up without counting a crash. */
    async handBackPlanning({ id, lock }: { id: string; lock: JobLock }): Promise<void> {
      await handBack(ledger, keys, keys.request(id), 'plans', lock)
    },

    /**
     * Takes back a start that counted as a crash. A worker that lost its lock, for example because
     * Redis stalled for longer than the lock lasts, and can report it has not crashed.
     */
    async forgiveOrder(order: string, lock: JobLock): Promise<void> {
      const begun = keys.ingest(order)
      await runScript(ledger, FORGIVE, { begun, lock: keys.lock(lock), counter: 'starts' })
    },

    /** The same for a planning attempt. */
    async forgivePlanning({ id, lock }: { id: string; lock: JobLock }): Promise<void> {
      const begun = keys.request(id)
      await runScript(ledger, FORGIVE, { begun, lock: keys.lock(lock), counter: 'plans' })
    },
  }
}
