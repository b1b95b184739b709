import { z } from 'zod'
import type { Priority } from '../contract/request.ts'
import type { LedgerConnection } from './ledger/connection.ts'
import type { OrgKeys } from './ledger/keys.ts'
import { runScript, script } from './ledger/script.ts'

/**
 * The remaining daily allowances of the org, as Salesforce last reported them, and what ingest jobs
 * have booked of them since. All workers share both, and readers need not ask Salesforce.
 *
 * A booking is `running` until its ingest job has ended, then `ended` until the next report, which
 * includes it.
 */

export const QUOTA_LIMITS = ['DailyApiRequests', 'DailyBulkApiBatches'] as const
export type QuotaLimit = (typeof QUOTA_LIMITS)[number]

/** Older values say nothing about the present. */
export const FRESH_MS = 3600_000
const HOUR_MS = 3600_000

const entrySchema = z.object({ max: z.number(), remaining: z.number(), at: z.number() })

/** What Salesforce reported of one daily allowance. */
type Report = Readonly<Omit<z.output<typeof entrySchema>, 'at'>>

const SAVE = script(
  'save-quota',
  { keys: ['quota'], args: ['...fields'] },
  `
for i = 1, #fields, 2 do redis.call('HDEL', quota, 'ended:' .. fields[i]) end
return redis.call('HSET', quota, unpack(fields))
`,
)

/** @param now milliseconds since the epoch; must come from a clock that all processes share */
export async function saveQuota(
  ledger: LedgerConnection,
  keys: OrgKeys,
  limits: Readonly<Partial<Record<QuotaLimit, Report | null>>>,
  now: number,
): Promise<void> {
  const fields = Object.entries(limits).flatMap(([name, limit]) => {
    if (limit === null || limit === undefined) return []
    const remaining = Math.max(0, limit.remaining)
    return [name, JSON.stringify({ max: limit.max, remaining, at: now })]
  })
  if (fields.length > 0) await runScript(ledger, SAVE, { quota: keys.quota, fields })
}

/** One daily allowance of an org. */
interface DailyAllowance extends Report {
  /** Booked by ingest jobs since that was reported. */
  readonly booked: number
  /** Used by ingest jobs of ours: start of the hour, in milliseconds → amount. */
  readonly used: ReadonlyMap<number, number>
}

/** The limits in the hash. Old values, and values in a newer version's format, are omitted. */
export function parseQuota(
  hash: Readonly<Record<string, string>>,
  now: number,
): ReadonlyMap<QuotaLimit, DailyAllowance> {
  const found = new Map<QuotaLimit, DailyAllowance>()
  for (const name of QUOTA_LIMITS) {
    const { max, remaining, at } = parseEntry(hash[name]) ?? { max: 0, remaining: 0, at: 0 }
    if (now - at >= FRESH_MS) continue
    const booked = Number(hash[`running:${name}`] ?? 0) + Number(hash[`ended:${name}`] ?? 0)
    found.set(name, { max, remaining, booked, used: usedIn(hash, name) })
  }
  return found
}

function usedIn(hash: Readonly<Record<string, string>>, name: QuotaLimit) {
  const prefix = `used:${name}:`
  const hours = Object.entries(hash).filter(([field]) => field.startsWith(prefix))
  return new Map(
    hours.map(([field, amount]) => [Number(field.slice(prefix.length)) * HOUR_MS, Number(amount)]),
  )
}

function parseEntry(json: string | undefined): z.output<typeof entrySchema> | null {
  if (json === undefined) return null
  try {
    return entrySchema.parse(JSON.parse(json))
  } catch {
    return null
  }
}

/** Percent of each allowance that is left to other users of the org. */
export type QuotaReserve = Readonly<Record<QuotaLimit, number>>

/** How many reserves a priority leaves: `low` waits first, and `high` may use the reserve. */
export const RESERVES: Readonly<Record<Priority, number>> = { high: 0, normal: 1, low: 2 }

/** What a priority may use of an allowance now: negative if it is overdrawn. */
export function freeFor(
  { max, remaining, booked }: Omit<DailyAllowance, 'used'>,
  priority: Priority,
  percent: number,
): number {
  return remaining - booked - Math.floor((max * percent * RESERVES[priority]) / 100)
}

/** What one ingest job takes of the allowances. */
export type QuotaCost = Readonly<Record<QuotaLimit, number>>

/** Rows in one of Salesforce's batches (Bulk API 2.0, Bulk API Limits). */
const BATCH_ROWS = 10_000

/** Create, upload, close, about half a dozen polls and the results. */
const CALLS_OF_A_JOB = 12

export const costOfJob = (records: number): QuotaCost => ({
  DailyApiRequests: CALLS_OF_A_JOB,
  DailyBulkApiBatches: Math.ceil(records / BATCH_ROWS),
})

/** The most that a plan costs: a partial batch counts as one. */
export const batchesOf = ({
  accepted,
  chunks,
}: {
  readonly accepted: number
  readonly chunks: number
}): number => Math.ceil(accepted / BATCH_ROWS) + Math.max(0, chunks - 1)
