import type { Context } from '../../shared/base/context.ts'

/** Something that a worker does again and again beside its jobs. */
export interface Loop {
  stop(): void
  /** Resolves once a step under way has let go. */
  readonly ended: Promise<void>
}

interface LoopOptions {
  /** From the end of a step to the beginning of the next. */
  readonly everyMs: number
  /** The first step, too, comes only after that; else it comes at once. */
  readonly waitsFirst?: boolean
  /** Told of a step that failed; the next one comes all the same. */
  readonly onError: (error: unknown) => void
}

/** Begins a loop that ends when it is told to, or with the context. Its steps get its own signal. */
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
