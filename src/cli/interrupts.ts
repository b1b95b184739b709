import { listenForStops, type Signals } from '../shared/base/shutdown.ts'
import { InterruptedError } from './cli.ts'

interface Interrupts {
  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP, with an InterruptedError as its reason. */
  readonly signal: AbortSignal
  /** From now on a second Ctrl-C aborts this, and only a third ends the process. */
  expectSecond(): AbortSignal
  /** From now on the next interrupt ends the process again. */
  expectNoMore(): void
  /** Stops listening for signals. */
  forget(): void
}

/**
 * The first interrupt stops in an orderly way; the next ends the process at once, unless a second
 * Ctrl-C has its own meaning. A second SIGTERM always ends the process. A closed terminal always
 * stops in an orderly way.
 */
export function catchInterrupts(signals: Signals): Interrupts {
  const first = new AbortController()
  let second: AbortController | null = null
  const forget = listenForStops(signals, (name, isRepeated) => {
    const reason = new InterruptedError(name)
    if (!first.signal.aborted) return first.abort(reason)
    if (!isRepeated) return
    if (name !== 'SIGINT' || second === null || second.signal.aborted) {
      signals.exit(reason.exitCode)
    }
    second.abort(reason)
  })
  return {
    signal: first.signal,
    expectSecond: () => {
      second ??= new AbortController()
      return second.signal
    },
    expectNoMore: () => {
      second = null
    },
    forget,
  }
}
