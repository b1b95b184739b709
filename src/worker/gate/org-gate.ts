import { randomUUID } from 'node:crypto'
import type { Clock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import type { Ledger } from '../../shared/store/ledger/ledger.ts'
import type { PauseState } from '../../shared/store/ledger/pause.ts'
import type { OrgFault, PauseNeed } from '../../shared/store/ledger/pause-fault.ts'
import type { StopWatch } from './stop-watch.ts'

/** Consecutive org faults of one job after which the org pauses. */
const IN_A_ROW = 3

/** Then the state is read again: an operator's pause has no end, and workers' clocks may differ. */
const LONGEST_WAIT_MS = 5 * 60_000

/** The job that raised the fault lets others try first: the fault may concern it alone. */
const GIVE_WAY_MS = 250

/** Why an ingest job is to stop: all its requests are to end, or an operator wants it aborted. */
type Stop = 'requests' | 'operator'

/**
 * The gate of an org. While the org is paused, every ingest job of every worker waits here in its
 * slot, so that the window stays limited. Waiting spends no attempt.
 */
export class OrgGate {
  readonly #deps: GateDeps

  constructor(deps: GateDeps) {
    this.#deps = deps
  }

  /**
   * @param requests whose chunks the ingest job carries
   * @param onWait called when it has to wait: if the worker is killed then, this job is not the
   *   cause
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

/** One ingest job at the gate, from when it is taken until it is let go. */
export class Visit implements AsyncDisposable {
  readonly #deps: VisitDeps
  readonly #watch: ReturnType<StopWatch['watch']>
  readonly #by = randomUUID()
  #failures = 0
  /** This job paused the org and has not got further since. */
  #hasShut = false
  #need: PauseNeed = 'start'
  /** The fault for which this job is the probe. */
  #probing: PauseState['fault'] = null

  constructor(deps: VisitDeps, requests: readonly string[]) {
    this.#deps = deps
    this.#watch = deps.stopWatch.watch(requests)
  }

  /** Aborted if the job is to stop, as of the last check. */
  get stopped(): AbortSignal {
    return this.#watch.stopped
  }

  /** Its requests that are to end, as of the last check. */
  get flagged(): ReadonlySet<string> {
    return this.#watch.flagged
  }

  /** From now on the job carries chunks of these requests only. */
  keep(requests: readonly string[]): void {
    this.#watch.keep(requests)
  }

  /** True for the probe: the one job that tries whether a fault is over. */
  get isProbing(): boolean {
    return this.#probing !== null
  }

  /**
   * Waits until the org accepts a call. Returns whether the job is to stop; unless it runs, it is
   * told without waiting.
   */
  enter(need: 'follow' | 'plan'): Promise<Stop | null>
  /** `some`: some of its requests are to end, and they may leave it because it has not begun. */
  enter(need: 'start'): Promise<Stop | 'some' | null>
  async enter(need: PauseNeed): Promise<Stop | 'some' | null> {
    const { ledger, clock, stopWatch, ctx } = this.#deps
    this.#need = need
    for (let isFirst = true; ; isFirst = false) {
      ctx.signal.throwIfAborted()
      const isFlagged = await this.#watch.isFlagged()
      if (isFlagged && need !== 'follow') return 'requests'
      if (need === 'start' && this.flagged.size > 0) return 'some'
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

  /** Sleeps, but wakes when the job is first told to stop. */
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
   * The call was answered, whatever the answer: the org is reachable. That ends a pause, unless
   * this job began the pause and has not passed the step that failed. An upload may be refused
   * although the calls before it succeed.
   *
   * @param isFurther the job is past the step that failed before
   */
  async answered(isFurther: boolean): Promise<void> {
    if (isFurther) {
      this.#failures = 0
      this.#hasShut = false
    }
    if (!this.#hasShut && this.#probing?.reason !== 'quota') await this.#succeeded()
  }

  /**
   * The call met an org fault. The org pauses at once if the fault concerns the whole org or this
   * was the probe; otherwise after the third in a row. Returns whether the gate now holds the job,
   * so that it need not wait on its own.
   */
  async failed(fault: OrgFault, atOnce: boolean): Promise<boolean> {
    const isOrgs = atOnce || this.#probing !== null || ++this.#failures >= IN_A_ROW
    if (!isOrgs || !(await this.#quietly(() => this.#raise(fault)))) return false
    return fault.reason !== 'quota' || this.#need === 'start'
  }

  /** The ingest job completed: if it was the probe of a `quota` pause, that pause ends. */
  async foundQuota(): Promise<void> {
    if (this.#probing?.reason === 'quota') await this.#succeeded()
  }

  /** The ingest job failed because the day's bulk batches are used up. */
  async missedQuota(message: string): Promise<void> {
    await this.#raise({ reason: 'quota', message, afterMs: 0 })
  }

  /** Leaves the gate; the next job may become the probe. */
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
    // A step that fails for this job alone, while others succeed, must not keep pausing them.
    this.#failures = 0
    const raised = await ledger.raiseFault({ ...fault, by: this.#by, now: clock.now() })
    if (raised === 'raised') {
      this.#hasShut = true
      ctx.log.error({ reason: fault.reason }, `Org paused: ${fault.message}`)
    }
  }

  async #succeeded(): Promise<void> {
    const fault = this.#probing
    if (fault === null) return
    this.#probing = null
    await this.#quietly(async () => {
      if ((await this.#deps.ledger.clearFault(fault.since)) === 'kept') return
      this.#deps.ctx.log.info(
        { reason: fault.reason },
        'The org answers again. The pause has ended.',
      )
    })
  }

  /** A failure to reach the gate must not repeat calls already made to Salesforce. */
  async #quietly(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.#deps.ctx.log.warn({ err: error }, 'The gate of the org could not be notified.')
      return false
    }
  }

  async #beginToWait({ operator, fault }: PauseState): Promise<void> {
    const { ctx, onWait } = this.#deps
    const reason = operator !== null && this.#need !== 'follow' ? 'operator' : fault?.reason
    ctx.log.info({ reason, until: fault?.until }, 'The org is paused. Waiting.')
    await onWait()
  }

  async #wait({ operator, fault }: PauseState, changed: AbortSignal): Promise<void> {
    const { clock, ctx } = this.#deps
    const { stopped, someFlagged } = this.#watch
    const isHeld = operator !== null && this.#need !== 'follow'
    const due = (stopped.aborted ? fault?.own : undefined) ?? fault?.until ?? 0
    const until = isHeld ? Number.POSITIVE_INFINITY : Math.max(due, fault?.lease ?? 0)
    const mine = until - clock.now() + (this.#hasShut ? GIVE_WAY_MS : 0)
    const rest = Math.min(Math.max(1, mine), LONGEST_WAIT_MS)
    const signals = [ctx.signal, changed]
    // A running job must pass the gate even to be aborted, though it waits less for that.
    if (this.#need !== 'follow') signals.push(someFlagged)
    else if (!stopped.aborted) signals.push(stopped)
    try {
      await clock.sleep(rest, AbortSignal.any(signals))
    } catch {
      ctx.signal.throwIfAborted()
    }
  }
}
