import { InterruptedError } from '../exit.ts'
import type { Signals } from '../host.ts'

export interface Interrupts {
  /** Aborted by the first Ctrl-C or SIGTERM, with an InterruptedError as its reason. */
  readonly signal: AbortSignal
  /** From now on a second Ctrl-C aborts this, and only a third ends the process. */
  expectSecond(): AbortSignal
  /** The next one ends the process again. */
  expectNoMore(): void
  /** Gives the signals back to whoever had them. */
  forget(): void
}

/**
 * The first interrupt stops in an orderly way; the next ends the process where it is, unless a
 * second Ctrl-C has a meaning of its own. SIGTERM never has: whoever sends it twice means it.
 */
export function catchInterrupts(signals: Signals): Interrupts {
  const first = new AbortController()
  let second: AbortController | null = null
  const onSignal = (name: 'SIGINT' | 'SIGTERM') => {
    const reason = new InterruptedError(name)
    if (!first.signal.aborted) return first.abort(reason)
    if (name === 'SIGTERM' || second === null || second.signal.aborted) {
      signals.exit(reason.exitCode)
    }
    second.abort(reason)
  }
  const [onInt, onTerm] = [() => onSignal('SIGINT'), () => onSignal('SIGTERM')]
  signals.on('SIGINT', onInt)
  signals.on('SIGTERM', onTerm)
  return {
    signal: first.signal,
    expectSecond: () => {
      second ??= new AbortController()
      return second.signal
    },
    expectNoMore: () => {
      second = null
    },
    forget: () => {
      signals.off('SIGINT', onInt)
      signals.off('SIGTERM', onTerm)
    },
  }
}
