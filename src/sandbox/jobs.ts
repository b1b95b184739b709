import { rm } from 'node:fs/promises'
import { to18 } from '../shared/contract/record-id.ts'
import type { JobRequest } from './job-request.ts'
import type { Upload } from './upload.ts'

/**
 * States of an ingest job: Open → UploadComplete → InProgress → JobComplete | Failed, and Aborted
 * from each of the first three.
 */
export const JOB_STATES = [
  'Open',
  'UploadComplete',
  'InProgress',
  'JobComplete',
  'Failed',
  'Aborted',
] as const
type JobState = (typeof JOB_STATES)[number]

/** The state of a job's upload. */
type Content =
  | { readonly kind: 'none' }
  | { readonly kind: 'receiving' }
  | { readonly kind: 'stored'; readonly upload: Upload }

export class Job {
  readonly id: string
  readonly request: JobRequest
  /** The version in the path through which it was created, such as `61.0`. */
  readonly apiVersion: string
  readonly createdAt = Date.now()
  content: Content = { kind: 'none' }
  /** One verdict per row, in upload order. */
  verdicts = new Uint8Array(0)
  processed = 0
  failed = 0
  activeMs = 0
  closedAt: number | undefined
  startedAt: number | undefined
  finishedAt: number | undefined
  errorMessage: string | undefined
  /** The job Failed because of its CSV as a whole: its upload is returned as it was sent. */
  rejectedWhole = false
  /** True once it was deleted, by its owner or by a fault. */
  gone = false
  #state: JobState = 'Open'
  #modifiedAt = this.createdAt

  constructor(number: number, request: JobRequest, apiVersion: string) {
    this.id = jobId(number)
    this.request = request
    this.apiVersion = apiVersion
  }

  get state(): JobState {
    return this.#state
  }

  get modifiedAt(): number {
    return this.#modifiedAt
  }

  get terminal(): boolean {
    return this.finishedAt !== undefined
  }

  get upload(): Upload | undefined {
    return this.content.kind === 'stored' ? this.content.upload : undefined
  }

  enter(state: JobState): void {
    this.#state = state
    this.touch()
    switch (state) {
      case 'UploadComplete':
        this.closedAt = this.#modifiedAt
        return
      case 'JobComplete':
      case 'Failed':
      case 'Aborted':
        this.finishedAt = this.#modifiedAt
        return
      case 'InProgress':
        this.startedAt = this.#modifiedAt
        return
      case 'Open':
        return
      default:
        throw new TypeError(`Unknown job state ${JSON.stringify(state satisfies never)}`)
    }
  }

  touch(): void {
    this.#modifiedAt = Date.now()
  }
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `length` base-62 digits of a number, in the way that Salesforce counts up its ids. */
function base62(value: number, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest = Math.floor(rest / 62)) {
    text = DIGITS.charAt(rest % 62) + text
  }
  return text
}

/** The id of the n-th job of the org, 18 characters. */
export function jobId(number: number): string {
  return to18(`7505f0${base62(number, 9)}`)
}

/** Jobs per page of the list. */
const PAGE = 1_000

/** The org's jobs, by id. */
export class Jobs {
  readonly #jobs = new Map<string, Job>()
  #number = 0

  /** The number of a new job: ingest and query jobs are counted together. */
  nextNumber(): number {
    return ++this.#number
  }

  create(request: JobRequest, apiVersion: string): Job {
    const job = new Job(this.nextNumber(), request, apiVersion)
    this.#jobs.set(job.id.slice(0, 15), job)
    return job
  }

  /** By 15 or 18 characters, including deleted jobs; undefined if there never was one. */
  find(id: string): Job | undefined {
    const job = this.#jobs.get(id.slice(0, 15))
    return id.length === 15 || id === job?.id ? job : undefined
  }

  /** Removes the job, its upload and its results. */
  async remove(job: Job): Promise<void> {
    job.gone = true
    if (job.upload) await rm(job.upload.file, { force: true })
    job.verdicts = new Uint8Array(0)
  }

  /** One page from `offset` on, newest first; clients must not rely on an order. */
  page(offset: number): { jobs: Job[]; next: number | undefined } {
    const all = [...this.#jobs.values()].filter((job) => !job.gone).reverse()
    const next = offset + PAGE
    return { jobs: all.slice(offset, next), next: next < all.length ? next : undefined }
  }
}
