import type { Context } from '../../shared/base/context.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import { outageDelay } from '../../shared/salesforce/retry.ts'
import { orgFaultOf } from './org-fault.ts'
import type { OrgGate, Visit } from './org-gate.ts'

/** How soon to look again whether a plan that is to stop has been told so. */
const UNTIL_TOLD_MS = 50

/**
 * The calls of one plan that reads its ids from the org. Each waits at the gate while the org is
 * paused. After an org fault it is made again without a limit, because the request did not cause
 * it.
 */
export class PlanCalls implements AsyncDisposable {
  readonly #visit: Visit
  readonly #ctx: Context
  #isAnswered = true

  /** @param onWait called when a call has to wait: a worker killed then was not killed by this plan */
  constructor(gate: OrgGate, request: string, ctx: Context, onWait: () => Promise<void>) {
    this.#visit = gate.visit([request], ctx, onWait)
    this.#ctx = ctx
  }

  /** @throws SalesforceError of any kind but `org-fault`; the signal's reason */
  async make<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      await this.#enter()
      try {
        const value = await call(this.#ctx.signal)
        await this.#answered()
        return value
      } catch (error) {
        this.#ctx.signal.throwIfAborted()
        if (!(error instanceof SalesforceError)) throw error
        await this.#failed(error, failures)
      }
    }
  }

  /** False while the org does not answer, so that nothing more should be asked of it. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  get log(): Logger {
    return this.#ctx.log
  }

  now(): number {
    return this.#ctx.clock.now()
  }

  nap(ms: number): Promise<void> {
    return this.#ctx.clock.sleep(ms, this.#ctx.signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#visit[Symbol.asyncDispose]()
  }

  /** A plan that is to stop makes no call; its signal is about to abort. */
  async #enter(): Promise<void> {
    while ((await this.#visit.enter('plan')) !== null) await this.nap(UNTIL_TOLD_MS)
  }

  async #answered(): Promise<void> {
    this.#isAnswered = true
    await this.#visit.answered(true)
  }

  async #failed(error: SalesforceError, failures: number): Promise<void> {
    if (error.kind !== 'org-fault') {
      await this.#answered()
      throw error
    }
    this.#isAnswered = false
    const { atOnce, ...fault } = orgFaultOf(error)
    this.#ctx.log.warn({ err: error, failures }, 'A call of a plan failed and will be retried.')
    if (await this.#visit.failed(fault, atOnce)) return
    await this.nap(Math.max(fault.afterMs, outageDelay(failures)))
  }
}
