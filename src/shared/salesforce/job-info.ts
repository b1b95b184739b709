import { z } from 'zod'
import { numberField } from './answer.ts'

/** Fields that ingest jobs and query jobs share, read leniently. */

const wholeNumber = numberField.pipe(z.int().nonnegative())

/** A number of rows; null for anything else. */
const count = z
  .unknown()
  .optional()
  .transform((value) => wholeNumber.safeParse(value).data ?? null)

/** Text that is only displayed or compared with itself; null if it is not text. */
const text = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' ? value : null))

const id = z.string().regex(/^750[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?$/, 'expected the id of a job')

/** Fields of an answer about a job. */
export const jobField = { id, count, text }

/** Salesforce's spelling, also if a state comes as `uploadComplete`. */
export function stateOf(said: string, states: readonly string[]): string {
  return states.find((state) => state.toLowerCase() === said.toLowerCase()) ?? said
}

const TERMINAL: ReadonlySet<string> = new Set(['JobComplete', 'Failed', 'Aborted'])

/** False for unknown states: a job in one of them is still polled. */
export function isTerminalState(state: string): boolean {
  return TERMINAL.has(state)
}
