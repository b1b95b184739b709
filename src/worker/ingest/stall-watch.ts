import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Context } from '../context.ts'
import type { LifecycleEvents } from './step.ts'

/** Without any change for so long a job counts as stalled: reported, not touched. */
const STALLED_AFTER_MS = 15 * 60_000

/** Tells when a job stands still in Salesforce, and when it moves again. */
export class StallWatch {
  readonly #events: LifecycleEvents
  readonly #ctx: Context
  #last = ''
  #movedAt = 0
  #stalled = false

  constructor(events: LifecycleEvents, ctx: Context) {
    this.#events = events
    this.#ctx = ctx
  }

  async see(job: IngestJobInfo): Promise<void> {
    const now = this.#ctx.clock.now()
    const seen = `${job.id} ${job.state} ${job.numberRecordsProcessed} ${job.systemModstamp ?? ''}`
    if (seen !== this.#last) {
      this.#last = seen
      this.#movedAt = now
      this.end()
      await this.#events.progress({
        processed: job.numberRecordsProcessed,
        failed: job.numberRecordsFailed,
      })
    } else if (!this.#stalled && now - this.#movedAt > STALLED_AFTER_MS) {
      this.#stalled = true
      this.#events.stalled(1)
      this.#ctx.log.warn(
        { ingestJob: job.id, state: job.state },
        `No progress in Salesforce for ${Math.round((now - this.#movedAt) / 60_000)} minutes; still waiting.`,
      )
    }
  }

  end(): void {
    if (this.#stalled) this.#events.stalled(-1)
    this.#stalled = false
  }
}
