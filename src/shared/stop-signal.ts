/** How a process is told to stop: SIGTERM or SIGINT once to come to an end, twice to end at once. */
export interface StopSignal {
  readonly signal: AbortSignal
  readonly requested: Promise<void>
  forget(): void
}

export function stopSignal(process: NodeJS.Process): StopSignal {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143)
    controller.abort(new Error(`Stopped by ${name}.`))
    resolve()
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  return {
    signal: controller.signal,
    requested: promise,
    forget: () => {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
    },
  }
}
