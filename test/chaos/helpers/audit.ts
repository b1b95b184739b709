import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Outcome, Receipt } from '../../../src/producer/producer.ts'
import { digestOf, type Records } from './records.ts'

/**
 * Whether a request's account is true. Counts are held against each other, and every single id
 * against what the sandbox says that it did with it.
 */

export interface Account {
  readonly records: Records
  readonly receipt: Receipt
  /** `<results>/<org>/<request>` */
  readonly folder: string
  /** What the sandbox ever said about each accepted id, in their order. */
  readonly verdicts: readonly (readonly string[])[]
  /** Other requests asked for the same ids: what became of one may be another's doing. */
  readonly isShared: boolean
  /** The audit option was on: `deleted.csv` lists every deleted id. */
  readonly keepDeleted: boolean
  /** Ids that an ingest job carried of which a failover left no trace: nobody can know their fate. */
  readonly forgotten: ReadonlySet<string>
}

const DELETED = 'DELETED'

/** So many ingest jobs carry a row whose failure may pass; then it is told as it is. */
const MOST_ATTEMPTS = 5

/** Codes that the sandbox gives for a while only. */
const TRANSIENT = /^UNABLE_TO_LOCK_ROW$/

/**
 * Nobody can know what this ingest job did. It vanished: its ids are sent again, and those that are
 * gone by then count as deleted. Or it was given up after five workers had died at one step of it.
 */
export const isInDoubt = ({ state }: Receipt['ingestJobs'][number]): boolean =>
  state === 'Vanished' || state === 'Abandoned'

export async function auditRequest(account: Account): Promise<readonly string[]> {
  const { records, receipt, folder } = account
  const { plan, outcome } = receipt
  if (plan === null) {
    return outcome === null ? auditUntouched(account) : ['an outcome without a plan']
  }
  return [
    ...check('ids read', plan.read, records.rows.length),
    ...check('ids accepted', plan.accepted, records.accepted.length),
    ...check('rows refused', plan.invalid, records.invalid),
    ...check('duplicates', plan.duplicate, records.duplicate),
    ...check('digest', plan.sha256, digestOf(records.accepted)),
    ...check('lines of invalid.csv', (await linesOf(folder, 'invalid')).length, records.invalid),
    ...(await auditReceipt(account)),
    ...(outcome === null ? auditUntouched(account) : await auditOutcome(account, outcome)),
  ]
}

async function auditReceipt({ receipt, folder }: Account): Promise<string[]> {
  const stored = JSON.parse(await readFile(join(folder, 'receipt.json'), 'utf8'))
  return check('receipt.json', JSON.stringify(stored), JSON.stringify(receipt))
}

/** No outcome: then nothing may have been deleted. */
function auditUntouched(account: Account): string[] {
  const { receipt, records, verdicts, forgotten, isShared } = account
  const touched = records.accepted.filter(
    (id, at) => (verdicts[at] ?? []).length > 0 && !forgotten.has(id) && !isShared,
  ).length
  return [
    ...check('status without an outcome', receipt.status, 'cancelled'),
    ...check('ids touched though there is no outcome', touched, 0),
  ]
}

async function auditOutcome(account: Account, outcome: Outcome): Promise<string[]> {
  const { records, receipt, folder, verdicts } = account
  const failed = await linesOf(folder, 'failed')
  const unprocessed = (await linesOf(folder, 'unprocessed')).map(idOf)
  const listed = [...failed.map(idOf), ...unprocessed]
  const codes = new Map(records.accepted.map((id, at) => [id, verdicts[at] ?? []]))
  const failures = Object.values(receipt.failures).reduce((sum, count) => sum + count, 0)
  const sum = outcome.deleted + outcome.alreadyGone + outcome.failed + outcome.unprocessed
  return [
    ...check('verdicts (accepted = deleted + gone + failed + unprocessed)', sum, codes.size),
    ...check('lines of failed.csv', failed.length, outcome.failed),
    ...check('lines of unprocessed.csv', unprocessed.length, outcome.unprocessed),
    ...check('failures by code', failures, outcome.failed),
    ...check('ids in two result files', listed.length - new Set(listed).size, 0),
    ...check('listed ids that were not planned', listed.filter((id) => !codes.has(id)).length, 0),
    ...check('status', receipt.status, statusOf(receipt, outcome)),
    ...auditPatience(receipt, outcome),
    ...failed.flatMap((line) => auditFailure(line, codes, account)),
    ...unprocessed.flatMap((id) => auditUnprocessed(id, codes, account)),
    ...auditRest(outcome, new Set(listed), codes, account),
    ...(await auditDeleted(account, outcome, new Set(listed), codes)),
  ]
}

/** What may pass is not told as an end before it was tried often enough, unless somebody said so. */
function auditPatience({ status, error, failures, ingestJobs }: Receipt, outcome: Outcome) {
  if (status === 'cancelled' || error !== null || ingestJobs.some(isInDoubt)) return []
  const attempts = Math.max(...ingestJobs.map(({ attempt }) => attempt))
  if (attempts >= MOST_ATTEMPTS) return []
  const passing = Object.keys(failures).filter((code) => TRANSIENT.test(code))
  return [
    ...check(`unprocessed after ${attempts} attempts`, outcome.unprocessed, 0),
    ...check(`failed after ${attempts} attempts`, passing.join(), ''),
  ]
}

function auditFailure(
  line: string,
  codes: ReadonlyMap<string, readonly string[]>,
  { forgotten, isShared }: Account,
): string[] {
  const [id = '', code = ''] = line.split(',')
  const told = codes.get(id) ?? []
  if (told.includes(DELETED) && !forgotten.has(id) && !isShared)
    return [`${id} is told failed (${code}), but was deleted`]
  return told.includes(code) ? [] : [`${id} is told failed (${code}), but was told ${told}`]
}

/** Told unprocessed: Salesforce must not have deleted it, unless nobody could have known. */
function auditUnprocessed(
  id: string,
  codes: ReadonlyMap<string, readonly string[]>,
  { records, receipt, forgotten, isShared }: Account,
): string[] {
  if (
    isShared ||
    forgotten.has(id) ||
    receipt.ingestJobs.some(isInDoubt) ||
    !codes.get(id)?.includes(DELETED) ||
    records.missing.includes(id)
  )
    return []
  return [`${id} is told unprocessed, but was deleted`]
}

/**
 * What no file lists is deleted or was gone before. An id that was told both was deleted by a job
 * whose results did not say so; to tell it as either is right.
 */
function auditRest(
  outcome: Outcome,
  listed: ReadonlySet<string>,
  codes: ReadonlyMap<string, readonly string[]>,
  { receipt }: Account,
): string[] {
  const rest = [...codes].filter(([id]) => !listed.has(id)).map(([, told]) => told)
  const isGone = (told: readonly string[]) => told.includes('ENTITY_IS_DELETED')
  const least = rest.filter((told) => !isGone(told)).length
  const most = rest.filter(
    (told) => told.includes(DELETED) || receipt.ingestJobs.some(isInDoubt),
  ).length
  const neither = rest.filter((told) => !told.includes(DELETED) && !isGone(told)).length
  return [
    ...check('ids told deleted or gone that are not', neither, 0),
    ...(outcome.deleted >= least && outcome.deleted <= most
      ? []
      : [`told deleted: ${outcome.deleted}, deleted: ${least} to ${most}`]),
  ]
}

async function auditDeleted(
  { folder, keepDeleted, receipt }: Account,
  outcome: Outcome,
  listed: ReadonlySet<string>,
  codes: ReadonlyMap<string, readonly string[]>,
): Promise<string[]> {
  const ids = (await linesOf(folder, 'deleted')).map(idOf)
  const right = receipt.ingestJobs.some(isInDoubt) ? [DELETED, 'ENTITY_IS_DELETED'] : [DELETED]
  const isDeleted = (id: string) => codes.get(id)?.some((code) => right.includes(code)) ?? false
  const isWrong = (id: string) => listed.has(id) || !isDeleted(id)
  return [
    ...check('lines of deleted.csv', ids.length, keepDeleted ? outcome.deleted : 0),
    ...check('ids twice in deleted.csv', ids.length - new Set(ids).size, 0),
    ...ids.filter(isWrong).map((id) => `${id} is in deleted.csv, but was told ${codes.get(id)}`),
  ]
}

function statusOf(receipt: Receipt, outcome: Outcome): string {
  if (receipt.status === 'cancelled') return 'cancelled'
  if (receipt.error !== null && receipt.ingestJobs.length === 0) return 'failed'
  return outcome.failed + outcome.unprocessed === 0 ? 'completed' : 'incomplete'
}

/** The lines of a result file without its header; a file without rows is not written. */
export async function linesOf(folder: string, kind: string): Promise<readonly string[]> {
  const text = await readFile(join(folder, `${kind}.csv`), 'utf8').catch(() => '')
  return text.split('\n').slice(1, -1)
}

export const idOf = (line: string): string => line.split(',')[0] ?? ''

export function check<T>(what: string, got: T, expected: T): string[] {
  return got === expected ? [] : [`${what}: expected ${expected}, got ${got}`]
}
