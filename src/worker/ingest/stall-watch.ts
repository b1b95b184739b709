import type { Context } from '../../shared/base/context.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Progress } from '../../shared/store/ledger/chunk.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'

/** A job without any change for this long counts as stalled: it is reported but left alone. */
const STALLED_AFTER_MS = 15 * 60_000

interface StallWatchDeps {
  readonly metrics: Metrics
  readonly labels: { readonly org: string; readonly object: string }
  /** True if the job is to be aborted because its request seems to go wrong. */
  saveProgress(progress: Progress): Promise<boolean>
}

/** Reports when a job stalls in Salesforce, when it resumes, and when too many of its rows fail. */
export class StallWatch {
  readonly #deps: StallWatchDeps
  readonly #ctx: Context
  #last = ''
  #movedAt = 0
  #stalled = false
  #suspect = false

  constructor(deps: StallWatchDeps, ctx: Context) {
    this.#deps = deps
    this.#ctx = ctx
  }

  /**
   * Call after each poll of the job. True if the job is to be aborted because its request goes
   * wrong.
   */
  async see(job: IngestJobInfo): Promise<boolean> {
    const now = this.#ctx.clock.now()
    const seen = `${job.id} ${job.state} ${job.numberRecordsProcessed} ${job.systemModstamp ?? ''}`
    if (seen !== this.#last) {
      this.#last = seen
      this.#movedAt = now
      this.end()
      const { numberRecordsProcessed: processed, numberRecordsFailed: failed } = job
      // Missing or impossible counters say nothing about the job.
      if (processed !== null && failed !== null && failed <= processed) {
        this.#suspect = await this.#deps.saveProgress({ processed, failed })
      }
    } else if (!this.#stalled && now - this.#movedAt > STALLED_AFTER_MS) {
      this.#stalled = true
      this.#count(1)
      this.#ctx.log.warn(
        { ingestJob: job.id, state: job.state },
        `No progress in Salesforce for ${Math.round((now - this.#movedAt) / 60_000)} minutes; still waiting.`,
      )
    }
    return this.#suspect
  }

  end(): void {
    if (this.#stalled) this.#count(-1)
    this.#stalled = false
  }

  #count(change: 1 | -1): void {
    const { metrics, labels } = this.#deps
    metrics.stalled({ ...labels, change })
  }
}
