import type { DeletableObject } from '../shared/contract/objects.ts'
import type { Job, Jobs } from './jobs.ts'
import { finish, inspectUpload, type ProcessingDeps, processJob } from './processing.ts'

type JobRunnerDeps = Omit<ProcessingDeps, 'prefixOf' | 'vanish' | 'signal'> & {
  readonly jobs: Jobs
  readonly objects: readonly DeletableObject[]
}

/** What goes on behind the API's back: jobs being processed, each in a task of its own. */
export class JobRunner {
  readonly #deps: ProcessingDeps
  readonly #tasks = new Set<Promise<void>>()
  readonly #stop = new AbortController()

  constructor({ jobs, objects, ...deps }: JobRunnerDeps) {
    this.#deps = {
      ...deps,
      signal: this.#stop.signal,
      prefixOf: (object) => objects.find(({ name }) => name === object)?.prefix ?? '',
      vanish: async (job) => {
        await jobs.remove(job)
        deps.referee.finished(job)
      },
    }
  }

  /** Takes a closed job to its terminal state. */
  process(job: Job): void {
    this.#track(job, processJob(job, this.#deps))
  }

  /** Aborts: what was deleted stays deleted, the rest is unprocessed. */
  abort(job: Job): void {
    const neverClosed = job.state === 'Open'
    finish(job, 'Aborted', this.#deps)
    // A closed job's own task sees the abort, and inspects what it had not come to.
    if (neverClosed) this.#track(job, inspectUpload(job, this.#deps))
  }

  /** Resolves when nothing is being processed. */
  async idle(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.idle()
  }

  #track(job: Job, task: Promise<void>): void {
    const done = task.catch((error: unknown) => this.#broken(job, error))
    const tracked = done.finally(() => this.#tasks.delete(tracked))
    this.#tasks.add(tracked)
  }

  /** A job whose task broke must not look as if it were still at work. */
  #broken(job: Job, error: unknown): void {
    if (this.#stop.signal.aborted || job.gone || job.terminal) return
    finish(job, 'Failed', this.#deps, `Unknown : the sandbox failed: ${error}`)
  }
}
