import { hangUpIsIgnored } from './hang-up.ts'

/** Signals that ask a process to come to an end, and the exit code that shells give to each. */
export const EXIT_BY = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
export type StopSignalName = keyof typeof EXIT_BY

/** Where signals come from: `process` is one. */
export interface Signals {
  /** The parent, where it is the process's own. */
  readonly ppid?: number
  on(name: StopSignalName, listener: () => void): unknown
  off(name: StopSignalName, listener: () => void): unknown
  exit(code: number): never
}

/**
 * Listens to the signals that ask to stop. A terminal that closes sends SIGHUP several times, from the
 * kernel and from its shell, and a session manager sends it right behind SIGTERM: so it never counts as
 * a repetition, nor is SIGINT or SIGTERM one of it.
 *
 * @param onStop told of each; `isRepeated` where SIGINT or SIGTERM came before this SIGINT or SIGTERM
 * @returns gives the signals back to whoever had them
 */
export function listenForStops(
  signals: Signals,
  onStop: (name: StopSignalName, isRepeated: boolean) => void,
): () => void {
  let wasTold = false
  const tell = (name: StopSignalName) => () => {
    const isRepeated = name !== 'SIGHUP' && wasTold
    wasTold ||= name !== 'SIGHUP'
    onStop(name, isRepeated)
  }
  const listeners = [
    ['SIGINT', tell('SIGINT')],
    ['SIGTERM', tell('SIGTERM')],
    ['SIGHUP', hangUpIsIgnored(signals) ? () => {} : tell('SIGHUP')],
  ] as const
  for (const [name, listener] of listeners) signals.on(name, listener)
  return () => {
    for (const [name, listener] of listeners) signals.off(name, listener)
  }
}

/** How a process is told to stop: once to come to an end, twice to end at once. */
interface StopSignal {
  readonly signal: AbortSignal
  readonly requested: Promise<void>
  forget(): void
}

export function stopSignal(signals: Signals): StopSignal {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  const forget = listenForStops(signals, (name, isRepeated) => {
    if (isRepeated) signals.exit(EXIT_BY[name])
    controller.abort(new Error(`Stopped by ${name}.`))
    resolve()
  })
  return { signal: controller.signal, requested: promise, forget }
}
