import type { Clock } from '../../shared/base/clock.ts'
import type { Logger } from '../../shared/base/logger.ts'
import type { Ledger } from '../../shared/store/ledger/ledger.ts'
import type { PauseState } from '../../shared/store/ledger/pause.ts'

/**
 * Poll interval; it bounds how soon a job that sleeps for up to a minute between polls is told to
 * stop.
 */
const LOOK_MS = 500

interface StopWatchDeps {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Logger
}

/**
 * While ingest jobs are in hand, polls whether one of them is to stop or the org's pause has
 * changed, and wakes the jobs that wait. One loop for all jobs of an org in this process.
 *
 * It polls instead of using pub/sub: a message sent during a disconnect is lost, while a flag is
 * still set at the next poll.
 */
export class StopWatch {
  readonly #deps: StopWatchDeps
  readonly #watches = new Set<Watch>()
  #idle = new AbortController()
  #pause = ''
  #pauseChanged = new AbortController()

  constructor(deps: StopWatchDeps) {
    this.#deps = deps
  }

  /** Watches an ingest job that carries chunks of these requests, until it is disposed of. */
  watch(requests: readonly string[]): Watch {
    const watch: Watch = new Watch([...new Set(requests)], this.#deps.ledger, () => {
      this.#watches.delete(watch)
      if (this.#watches.size === 0) this.#idle.abort()
    })
    this.#watches.add(watch)
    if (this.#watches.size === 1) {
      this.#idle = new AbortController()
      void this.#look(this.#idle.signal)
    }
    return watch
  }

  /** Aborts as soon as the pause state differs from the last one seen. */
  get pauseChanged(): AbortSignal {
    return this.#pauseChanged.signal
  }

  /** Takes a pause state that was just read, and wakes jobs that wait for a change. */
  saw(pause: PauseState): void {
    for (const watch of this.#watches) watch.setAbort(pause.operator?.abort === true)
    const seen = JSON.stringify(pause)
    if (seen === this.#pause) return
    this.#pause = seen
    this.#pauseChanged.abort()
    this.#pauseChanged = new AbortController()
  }

  async #look(idle: AbortSignal): Promise<void> {
    const { ledger, clock, log } = this.#deps
    let isBlind = false
    while (!idle.aborted) {
      try {
        const watches = [...this.#watches]
        const requests = [...new Set(watches.flatMap((watch) => watch.requests))]
        const [reasons, pause] = await Promise.all([
          ledger.stopReasons(requests),
          ledger.pauseState(),
        ])
        const flagged = new Set(requests.filter((_, index) => reasons[index] !== null))
        for (const watch of watches) watch.setFlagged(flagged)
        this.saw(pause)
        isBlind = false
      } catch (error) {
        if (!isBlind)
          log.warn({ err: error }, 'The cancel flags of the current jobs cannot be read now.')
        isBlind = true
      }
      await clock.sleep(LOOK_MS, idle).catch(() => {})
    }
  }
}

/** One ingest job in hand. Its signals reflect the flags as last seen. */
class Watch implements Disposable {
  readonly #ledger: Ledger
  readonly #leave: () => void
  readonly #someFlagged = new Level()
  readonly #stopped = new Level()
  #requests: readonly string[]
  #flagged: ReadonlySet<string> = new Set()
  #isAborted = false

  constructor(requests: readonly string[], ledger: Ledger, leave: () => void) {
    this.#requests = requests
    this.#ledger = ledger
    this.#leave = leave
  }

  /** The requests whose chunks the job carries. */
  get requests(): readonly string[] {
    return this.#requests
  }

  /** Those that are to end early. */
  get flagged(): ReadonlySet<string> {
    return this.#flagged
  }

  /** Aborted if there are any. */
  get someFlagged(): AbortSignal {
    return this.#someFlagged.signal
  }

  /** Aborted if all are to end early, or if an operator wants running jobs aborted. */
  get stopped(): AbortSignal {
    return this.#stopped.signal
  }

  get #isFlagged(): boolean {
    return this.#flagged.size === this.#requests.length
  }

  /** Reads the requests' flags now. */
  async isFlagged(): Promise<boolean> {
    const { requests } = this
    const reasons = await this.#ledger.stopReasons(requests)
    this.setFlagged(new Set(requests.filter((_, index) => reasons[index] !== null)))
    return this.#isFlagged
  }

  setFlagged(flagged: ReadonlySet<string>): void {
    this.#flagged = new Set(this.requests.filter((request) => flagged.has(request)))
    this.#someFlagged.set(this.#flagged.size > 0)
    this.#stopped.set(this.#isFlagged || this.#isAborted)
  }

  keep(requests: readonly string[]): void {
    this.#requests = [...new Set(requests)]
    this.setFlagged(this.#flagged)
  }

  setAbort(isAborted: boolean): void {
    this.#isAborted = isAborted
    this.#stopped.set(this.#isFlagged || isAborted)
  }

  [Symbol.dispose](): void {
    this.#leave()
  }
}

/** A signal that can be reset. */
class Level {
  #controller = new AbortController()

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  set(isRaised: boolean): void {
    if (isRaised) this.#controller.abort()
    else if (this.#controller.signal.aborted) this.#controller = new AbortController()
  }
}
