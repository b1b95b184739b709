import { InterruptedError } from '../exit.ts'

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
export function catchInterrupts(process: NodeJS.Process): Interrupts {
  const first = new AbortController()
  let second: AbortController | null = null
  const onSignal = (name: 'SIGINT' | 'SIGTERM') => {
    const reason = new InterruptedError(name)
    if (!first.signal.aborted) return first.abort(reason)
    if (name === 'SIGTERM' || second === null || second.signal.aborted) {
      process.exit(reason.exitCode)
    }
    second.abort(reason)
  }
  const [onInt, onTerm] = [() => onSignal('SIGINT'), () => onSignal('SIGTERM')]
  process.on('SIGINT', onInt).on('SIGTERM', onTerm)
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
      process.off('SIGINT', onInt).off('SIGTERM', onTerm)
    },
  }
}
