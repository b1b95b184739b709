import { InterruptedError } from '../exit.ts'

export interface Interrupts {
  /** Aborted by the first Ctrl-C or SIGTERM, with an InterruptedError as its reason. */
  readonly signal: AbortSignal
  /** Gives the signals back to whoever had them. */
  forget(): void
}

/** The first interrupt stops in an orderly way; the second ends the process where it is. */
export function catchInterrupts(process: NodeJS.Process): Interrupts {
  const controller = new AbortController()
  const onSignal = (name: 'SIGINT' | 'SIGTERM') => {
    const reason = new InterruptedError(name)
    if (controller.signal.aborted) process.exit(reason.exitCode)
    controller.abort(reason)
  }
  const [onInt, onTerm] = [() => onSignal('SIGINT'), () => onSignal('SIGTERM')]
  process.on('SIGINT', onInt).on('SIGTERM', onTerm)
  return {
    signal: controller.signal,
    forget: () => {
      process.off('SIGINT', onInt).off('SIGTERM', onTerm)
    },
  }
}
