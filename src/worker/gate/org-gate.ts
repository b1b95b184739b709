import { randomUUID } from 'node:crypto'
import type { Clock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import type { Ledger } from '../../shared/store/ledger/ledger.ts'
import type { PauseState } from '../../shared/store/ledger/pause.ts'
import type { OrgFault, PauseNeed } from '../../shared/store/ledger/pause-fault.ts'
import type { StopWatch } from './stop-watch.ts'

/** After so many failures in a row by a fault of the org, the org pauses. */
const IN_A_ROW = 3

/** Then the state is read again: an operator's pause has no end, and workers' clocks may differ. */
const LONGEST_WAIT_MS = 5 * 60_000

/** The job that raised the fault lets others try first: what it met may concern it alone. */
const GIVE_WAY_MS = 250

/** Why an ingest job is to stop: all its requests are to end, or an operator wants it aborted. */
type Stop = 'requests' | 'operator'

/**
 * The gate of an org, before which every ingest job waits in its slot while the org is paused, over
 * all workers: a slot that is held is what keeps the window. Nothing that waits spends an attempt.
 */
export class OrgGate {
  readonly #deps: GateDeps

  constructor(deps: GateDeps) {
    this.#deps = deps
  }

  /**
   * @param requests whose chunks the ingest job carries
   * @param onWait called when it has to wait: what kills the worker then is not the job
   */
  visit(requests: readonly string[], ctx: Context, onWait: () => Promise<void>): Visit {
    return new Visit({ ...this.#deps, onWait, ctx }, requests)
  }
}

interface GateDeps {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly stopWatch: StopWatch
}

interface VisitDeps extends GateDeps {
  readonly onWait: () => Promise<void>
  readonly ctx: Context
}

/** One ingest job at the gate, from when it is taken up until it is let go. */
export class Visit implements AsyncDisposable {
  readonly #deps: VisitDeps
  readonly #watch: ReturnType<StopWatch['watch']>
  readonly #by = randomUUID()
  #failures = 0
  /** It has shut the gate, and has not got further since. */
  #hasShut = false
  #need: PauseNeed = 'start'
  /** The fault on whose end it tries. */
  #probing: PauseState['fault'] = null

  constructor(deps: VisitDeps, requests: readonly string[]) {
    this.#deps = deps
    this.#watch = deps.stopWatch.watch(requests)
  }

  /** Raised where the job is to stop, as last seen. */
  get stopped(): AbortSignal {
    return this.#watch.stopped
  }

  /** True for the probe, which tries on behalf of all. */
  get isProbing(): boolean {
    return this.#probing !== null
  }

  /**
   * Waits until the org takes a call: `start`, to begin or close an ingest job, or `follow`, to look
   * after one that runs. Tells whether the job is to stop; one not begun is told without waiting.
   */
  async enter(need: PauseNeed): Promise<Stop | null> {
    const { ledger, clock, stopWatch, ctx } = this.#deps
    this.#need = need
    for (let isFirst = true; ; isFirst = false) {
      ctx.signal.throwIfAborted()
      const isFlagged = await this.#watch.isFlagged()
      if (isFlagged && need === 'start') return 'requests'
      const stopping = this.#watch.stopped.aborted
      const entry = { by: this.#by, need, stopping, now: clock.now() }
      const { kind, state } = await ledger.enterGate(entry)
      stopWatch.saw(state)
      const changed = stopWatch.pauseChanged
      if (kind !== 'wait') {
        if (kind === 'probe') this.#probing = state.fault
        if (isFlagged) return 'requests'
        return state.operator?.abort ? 'operator' : null
      }
      if (isFirst) await this.#beginToWait(state)
      await this.#wait(state, changed)
    }
  }

  /** Sleeps, and no longer than until the job is to stop, where it was not to before. */
  async nap(ms: number): Promise<void> {
    const { clock, ctx } = this.#deps
    const { stopped } = this.#watch
    const signal = stopped.aborted ? ctx.signal : AbortSignal.any([ctx.signal, stopped])
    try {
      await clock.sleep(ms, signal)
    } catch {
      ctx.signal.throwIfAborted()
    }
  }

  /**
   * The call was answered: whatever the answer was, the org is there. That ends a pause, except one
   * that this job has begun by what it has not got past: an upload may be refused, and be led up to
   * by calls that are not.
   *
   * @param isFurther the job is past whatever failed before
   */
  async answered(isFurther: boolean): Promise<void> {
    if (isFurther) {
      this.#failures = 0
      this.#hasShut = false
    }
    if (!this.#hasShut && this.#probing?.reason !== 'quota') await this.#succeeded()
  }

  /**
   * The call met a fault of the org. It pauses at once where this says so of the whole org, or this
   * was the probe; else once it was the third in a row. Tells whether the gate now holds the job, so
   * that it need not wait on its own.
   */
  async failed(fault: OrgFault, atOnce: boolean): Promise<boolean> {
    const isOrgs = atOnce || this.#probing !== null || ++this.#failures >= IN_A_ROW
    if (!isOrgs || !(await this.#quietly(() => this.#raise(fault)))) return false
    return fault.reason !== 'quota' || this.#need === 'start'
  }

  /** The ingest job ended well: of a `quota` pause it was the probe, and that pause ends. */
  async foundQuota(): Promise<void> {
    if (this.#probing?.reason === 'quota') await this.#succeeded()
  }

  /** The ingest job failed because the day's bulk batches are used up. */
  async missedQuota(message: string): Promise<void> {
    await this.#raise({ reason: 'quota', message, afterMs: 0 })
  }

  /** Lets go of the gate; whoever comes next may be the probe. */
  async release(): Promise<void> {
    if (this.#probing === null) return
    this.#probing = null
    await this.#quietly(() => this.#deps.ledger.leaveGate(this.#by))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]()
    await this.release()
  }

  async #raise(fault: OrgFault): Promise<void> {
    const { ledger, clock, ctx } = this.#deps
    this.#probing = null
    // A step that fails for this job alone, while others succeed, must not hold them all the time.
    this.#failures = 0
    const raised = await ledger.raiseFault({ ...fault, by: this.#by, now: clock.now() })
    if (raised === 'raised') {
      this.#hasShut = true
      ctx.log.error({ reason: fault.reason }, `The org pauses: ${fault.message}`)
    }
  }

  async #succeeded(): Promise<void> {
    const fault = this.#probing
    if (fault === null) return
    this.#probing = null
    await this.#quietly(async () => {
      if ((await this.#deps.ledger.clearFault(fault.since)) === 'kept') return
      this.#deps.ctx.log.info({ reason: fault.reason }, 'The org answers again: the pause ends.')
    })
  }

  /** A failure to tell the gate must not repeat what was done in Salesforce. */
  async #quietly(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.#deps.ctx.log.warn({ err: error }, 'The gate of the org could not be told.')
      return false
    }
  }

  async #beginToWait({ operator, fault }: PauseState): Promise<void> {
    const { ctx, onWait } = this.#deps
    const reason = operator !== null && this.#need === 'start' ? 'operator' : fault?.reason
    ctx.log.info({ reason, until: fault?.until }, 'The org is paused: waiting.')
    await onWait()
  }

  async #wait({ operator, fault }: PauseState, changed: AbortSignal): Promise<void> {
    const { clock, ctx } = this.#deps
    const { stopped, flagged } = this.#watch
    const isHeld = operator !== null && this.#need === 'start'
    const due = (stopped.aborted ? fault?.own : undefined) ?? fault?.until ?? 0
    const until = isHeld ? Number.POSITIVE_INFINITY : Math.max(due, fault?.lease ?? 0)
    const mine = until - clock.now() + (this.#hasShut ? GIVE_WAY_MS : 0)
    const rest = Math.min(Math.max(1, mine), LONGEST_WAIT_MS)
    const signals = [ctx.signal, changed]
    // A job that runs must pass the gate even to be aborted, though sooner than it would else.
    if (this.#need === 'start') signals.push(flagged)
    else if (!stopped.aborted) signals.push(stopped)
    try {
      await clock.sleep(rest, AbortSignal.any(signals))
    } catch {
      ctx.signal.throwIfAborted()
    }
  }
}
