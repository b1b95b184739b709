import { type DescribedObject, describedObject } from '../../contract/described-object.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/** What the org said about objects, for workers and for producers, which have no login. */

/** A prefix never changes, but a permission may be withdrawn. */
const USABLE_MS = 24 * 3600_000
/** The permission may be granted now, so producers soon let a worker ask again. */
const UNUSABLE_MS = 10 * 60_000

const NOTE = script(
  'note-object',
  { keys: ['described'], args: ['value', 'ms'] },
  "redis.call('SET', described, value, 'PX', ms)",
)

export function objectVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  return {
    async noteObject(name: string, described: DescribedObject): Promise<void> {
      const isUsable = described.visible && described.deletable && described.prefix !== null
      await runScript(ledger, NOTE, {
        described: keys.described(name),
        value: JSON.stringify(described),
        ms: isUsable ? USABLE_MS : UNUSABLE_MS,
      })
    },

    /** What the org said about an object not long ago; null if nothing. */
    async describedObject(name: string): Promise<DescribedObject | null> {
      const json = await ledger.verified(redis.get(keys.described(name)))
      return json === null ? null : describedObject.parse(JSON.parse(json))
    },
  }
}
