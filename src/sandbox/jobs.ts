import { rm } from 'node:fs/promises'
import { Job, type JobRequest } from './job.ts'

/** Jobs on one page of the list. */
const PAGE = 1_000

/** The org's jobs, by id. */
export class Jobs {
  readonly #jobs = new Map<string, Job>()
  #number = 0

  create(request: JobRequest, apiVersion: string): Job {
    this.#number++
    const job = new Job(this.#number, request, apiVersion)
    this.#jobs.set(job.id.slice(0, 15), job)
    return job
  }

  /** By 15 or 18 characters, one that is gone too; undefined where there never was one. */
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

  /** One page from `offset` on, newest first: nobody may rely on an order. */
  page(offset: number): { jobs: Job[]; next: number | undefined } {
    const all = [...this.#jobs.values()].filter((job) => !job.gone).reverse()
    const next = offset + PAGE
    return { jobs: all.slice(offset, next), next: next < all.length ? next : undefined }
  }
}
