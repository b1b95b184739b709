import type { Context } from '../../shared/base/context.ts'

/** A step that a worker repeats besides its jobs. */
export interface Loop {
  stop(): void
  /** Resolves once the running step has let go. */
  readonly ended: Promise<void>
}

interface LoopOptions {
  /** From the end of one step to the start of the next. */
  readonly everyMs: number
  /** Whether the first step also waits; otherwise it runs at once. */
  readonly waitsFirst?: boolean
  /** Called when a step failed; the loop continues. */
  readonly onError: (error: unknown) => void
}

/** Starts a loop that ends when it is stopped or its context ends. Its steps get its own signal. */
export function startLoop(
  ctx: Context,
  { everyMs, waitsFirst = false, onError }: LoopOptions,
  step: (ctx: Context) => Promise<void>,
): Loop {
  const stopping = new AbortController()
  const own = { ...ctx, signal: AbortSignal.any([ctx.signal, stopping.signal]) }
  const pause = () => own.clock.sleep(everyMs, own.signal).catch(() => {})
  const run = async () => {
    if (waitsFirst) await pause()
    while (!own.signal.aborted) {
      try {
        await step(own)
      } catch (error) {
        if (own.signal.aborted) return
        onError(error)
      }
      await pause()
    }
  }
  return { stop: () => stopping.abort(), ended: run() }
}
