import { createHash } from 'node:crypto'
import type { RowRule } from '../../../src/sandbox/sandbox.ts'
import { ids18 } from '../../helpers/ids.ts'

/** The ids of one request and what the sandbox will do with each: known before, judged after. */
export interface Records {
  /** As the caller writes them: with duplicates and what is no id. */
  readonly rows: readonly string[]
  /** Each record once, 18 characters. */
  readonly accepted: readonly string[]
  readonly invalid: number
  readonly duplicate: number
  /** Deleted, and in no result file of the job that did it. */
  readonly missing: readonly string[]
  readonly rules: readonly RowRule[]
}

export interface Mixture {
  readonly count: number
  /** Number of the first record. Requests have no record in common, but those for `shared` ones. */
  readonly from: number
  /** Positions among the accepted ids. */
  readonly failing?: readonly number[]
  readonly gone?: readonly number[]
  /** At their first try alone. */
  readonly locked?: readonly number[]
  readonly missing?: readonly number[]
  /** Rows that name a record again, and rows that are no ids. */
  readonly duplicate?: number
  readonly invalid?: number
}

/** The object of the records that several requests ask for, by its key prefix; no other is asked for. */
export const SHARED = { object: 'Lead', prefix: '00Q' }

/** Of a pool, in which neighbors overlap. What becomes of them is known for the pool as a whole. */
export function sharedRecords(count: number, from: number): Records {
  const accepted = ids18(count, from, SHARED.prefix)
  return { rows: accepted, accepted, invalid: 0, duplicate: 0, missing: [], rules: [] }
}

/** Some fail, and some are locked at their first try: whoever asks for one shares its fate. */
export function sharedRules(size: number): readonly RowRule[] {
  const pool = ids18(size, 0, SHARED.prefix)
  return [
    { code: 'DELETE_FAILED', ids: pool.filter((_, at) => at % 13 === 5) },
    { code: 'UNABLE_TO_LOCK_ROW', ids: pool.filter((_, at) => at % 11 === 7), times: 1 },
  ]
}

export function recordsOf(mixture: Mixture): Records {
  const accepted = ids18(mixture.count, mixture.from)
  const pick = (positions: readonly number[] = []) =>
    positions.map((at) => accepted[at]).filter((id) => id !== undefined)
  const missing = pick(mixture.missing)
  const { duplicate = 0, invalid = 0 } = mixture
  const rule = (code: string, ids: readonly string[], times?: number): RowRule[] =>
    ids.length === 0 ? [] : [{ code, ids, ...(times === undefined ? {} : { times }) }]
  return {
    rows: [
      ...accepted,
      ...accepted.slice(0, duplicate),
      ...Array.from({ length: invalid }, (_, n) => `no-id-${n}`),
    ],
    accepted,
    invalid,
    duplicate,
    missing,
    rules: [
      ...rule('DELETE_FAILED', pick(mixture.failing)),
      ...rule('ENTITY_IS_DELETED', pick(mixture.gone)),
      ...rule('UNABLE_TO_LOCK_ROW', pick(mixture.locked), 1),
      // Later it lies in the Recycle Bin and is reported as that.
      ...rule('MISSING_FROM_RESULTS', missing, 1),
    ],
  }
}

/** The plan's digest, reckoned from scratch: the canonical ids, ascending, each with LF. */
export function digestOf(accepted: readonly string[]): string {
  const hash = createHash('sha256')
  for (const id of accepted.map((id) => id.slice(0, 15)).sort()) hash.update(`${id}\n`)
  return hash.digest('hex')
}
