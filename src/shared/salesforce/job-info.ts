import { z } from 'zod'
import { numberField } from './number-field.ts'

/** The states of an ingest job (Bulk API 2.0 guide, Get Job Info). */
export const INGEST_JOB_STATES = [
  'Open',
  'UploadComplete',
  'InProgress',
  'JobComplete',
  'Failed',
  'Aborted',
] as const
export type IngestJobState = (typeof INGEST_JOB_STATES)[number]

const TERMINAL: ReadonlySet<string> = new Set<IngestJobState>(['JobComplete', 'Failed', 'Aborted'])

/** False for states that nobody has heard of: a job in one of them is still watched. */
export function isTerminalState(state: string): boolean {
  return TERMINAL.has(state)
}

export function isKnownState(state: string): state is IngestJobState {
  return (INGEST_JOB_STATES as readonly string[]).includes(state)
}

/** An ingest job as Salesforce reports it. */
export interface IngestJobInfo {
  /** 15 or 18 characters, prefix 750. */
  readonly id: string
  /** One of {@link INGEST_JOB_STATES}, or a word that a later API version brings. */
  readonly state: string
  readonly object: string
  readonly operation: string
  /** The last change; it stands still while a job does. */
  readonly systemModstamp: string | null
  /**
   * Failed ones included. Null where the answer has no number of rows there: those of create, close
   * and abort have none, and any other may be spoilt.
   */
  readonly numberRecordsProcessed: number | null
  readonly numberRecordsFailed: number | null
  /** Why the job is Failed. */
  readonly errorMessage: string | null
}

const wholeNumber = numberField.pipe(z.int().nonnegative())

/** A number of rows; null where it is anything else. */
const count = z
  .unknown()
  .optional()
  .transform((value) => wholeNumber.safeParse(value).data ?? null)
/** What is only shown, or compared with itself; null where it is no text. */
const text = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' ? value : null))
/** A form that every job of ours has: another one's result files would be read wrongly. */
const form = (expected: string) =>
  z
    .string()
    .refine((value) => value.toUpperCase() === expected, `expected ${expected}`)
    .nullish()

/** What the API returns is `state`; one page of the documentation says `status`, so both count. */
export const ingestJobInfo: z.ZodType<IngestJobInfo> = z
  .object({
    id: z.string().regex(/^750[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?$/, 'expected the id of a job'),
    state: z.string().optional(),
    status: z.string().optional(),
    object: z.string(),
    operation: z.string(),
    systemModstamp: text,
    numberRecordsProcessed: count,
    numberRecordsFailed: count,
    errorMessage: text,
    contentType: form('CSV'),
    lineEnding: form('LF'),
    columnDelimiter: form('COMMA'),
  })
  .transform(({ state, status, ...job }, context) => {
    const { contentType: _, lineEnding: __, columnDelimiter: ___, ...info } = job
    const said = state ?? status
    if (said !== undefined) return { ...info, state: canonicalState(said) }
    context.addIssue({ code: 'custom', path: ['state'], message: 'expected a string' })
    return z.NEVER
  })

/** Salesforce's spelling, also where a state comes as `uploadComplete`. */
function canonicalState(said: string): string {
  return INGEST_JOB_STATES.find((state) => state.toLowerCase() === said.toLowerCase()) ?? said
}
