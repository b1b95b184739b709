import { z } from 'zod'

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

/** An ingest job as Salesforce reports it. Create and close answer without counters: they are 0. */
export interface IngestJobInfo {
  /** 18 characters, prefix 750. */
  readonly id: string
  /** One of {@link INGEST_JOB_STATES}, or a word that a later API version brings. */
  readonly state: string
  readonly object: string
  readonly operation: string
  readonly createdDate: string | null
  /** The last change; it stands still while a job does. */
  readonly systemModstamp: string | null
  /** Failed ones included. */
  readonly numberRecordsProcessed: number
  readonly numberRecordsFailed: number
  /** Salesforce's own repetitions of internal batches. */
  readonly retries: number
  /** Milliseconds. */
  readonly totalProcessingTime: number
  readonly apiActiveProcessingTime: number
  readonly apexProcessingTime: number
  /** Why the job is Failed. */
  readonly errorMessage: string | null
}

const count = z
  .number()
  .nullish()
  .transform((value) => value ?? 0)
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null)

/** What the API returns is `state`; one page of the documentation says `status`, so both count. */
export const ingestJobInfo: z.ZodType<IngestJobInfo> = z
  .object({
    id: z.string().min(1),
    state: z.string().optional(),
    status: z.string().optional(),
    object: z.string(),
    operation: z.string(),
    createdDate: text,
    systemModstamp: text,
    numberRecordsProcessed: count,
    numberRecordsFailed: count,
    retries: count,
    totalProcessingTime: count,
    apiActiveProcessingTime: count,
    apexProcessingTime: count,
    errorMessage: text,
  })
  .transform(({ state, status, ...job }, context) => {
    const said = state ?? status
    if (said !== undefined) return { ...job, state: canonicalState(said) }
    context.addIssue({ code: 'custom', path: ['state'], message: 'expected a string' })
    return z.NEVER
  })

/** Salesforce's spelling, also where a state comes as `uploadComplete`. */
function canonicalState(said: string): string {
  return INGEST_JOB_STATES.find((state) => state.toLowerCase() === said.toLowerCase()) ?? said
}
