import { z } from 'zod'
import type { Limit } from '../salesforce/org.ts'
import type { LedgerConnection } from './ledger/connection.ts'
import type { OrgKeys } from './ledger/keys.ts'
import { runScript, script } from './ledger/script.ts'

/**
 * The remaining daily allowances of the org, as Salesforce last reported them: a hash, so that
 * readers need not ask Salesforce.
 */

export const QUOTA_LIMITS = ['DailyApiRequests', 'DailyBulkApiBatches'] as const
type QuotaLimit = (typeof QUOTA_LIMITS)[number]

/** Older values say nothing about the present. */
const FRESH_MS = 3600_000

const entrySchema = z.object({ max: z.number(), remaining: z.number(), at: z.number() })

const SAVE = script(
  'save-quota',
  { keys: ['quota'], args: ['...fields'] },
  `return redis.call('HSET', quota, unpack(fields))`,
)

/** @param now milliseconds since the epoch; must come from a clock that all processes share */
export async function saveQuota(
  ledger: LedgerConnection,
  keys: OrgKeys,
  limits: Readonly<Partial<Record<QuotaLimit, Limit | null>>>,
  now: number,
): Promise<void> {
  const fields = Object.entries(limits).flatMap(([name, limit]) => {
    if (limit === null || limit === undefined) return []
    const remaining = Math.max(0, limit.remaining)
    return [name, JSON.stringify({ max: limit.max, remaining, at: now })]
  })
  if (fields.length > 0) await runScript(ledger, SAVE, { quota: keys.quota, fields })
}

/** The limits in the hash. Old values, and values in a newer version's format, are omitted. */
export function parseQuota(
  hash: Readonly<Record<string, string>>,
  now: number,
): ReadonlyMap<QuotaLimit, Limit> {
  const found = new Map<QuotaLimit, Limit>()
  for (const name of QUOTA_LIMITS) {
    const { max, remaining, at } = parseEntry(hash[name]) ?? { max: 0, remaining: 0, at: 0 }
    if (now - at < FRESH_MS) found.set(name, { max, remaining })
  }
  return found
}

function parseEntry(json: string | undefined): z.output<typeof entrySchema> | null {
  if (json === undefined) return null
  try {
    return entrySchema.parse(JSON.parse(json))
  } catch {
    return null
  }
}
