import { setImmediate } from 'node:timers/promises'
import { backoff } from '../../shared/base/backoff.ts'
import type { Context } from '../../shared/base/context.ts'
import { messageOf } from '../../shared/base/errors.ts'
import type { OrgWorker } from './org-worker.ts'

/** An org of a worker, before and after its work has begun. */
interface OpenedOrg {
  readonly org: string
  /** Null until its work has begun. */
  readonly worker: OrgWorker | null
  /** Why the worker does not work for it now; null if it does. */
  readonly trouble: string | null
  /** Settles with the first attempt. */
  readonly firstTry: Promise<OrgWorker>
  /** Resolves with the reason once its work has stopped by itself. */
  readonly halted: Promise<string>
  /** Hands over its jobs. Attempts to open it end with the signal of the context. */
  stop(): Promise<void>
}

/** Starts the work for an org. While that is delayed, it reports why. */
type Start = (delayed: (trouble: string) => void) => Promise<OrgWorker>

const retryDelay = backoff({ first: 1000, factor: 2, cap: 5 * 60_000, jitter: [0.9, 1.1] })

/**
 * Opens an org, independently of the others: an attempt that fails, for whatever reason, is
 * repeated until it succeeds or the signal aborts. What is wrong may be corrected elsewhere, in
 * Salesforce or in Redis.
 */
export function openOrg(org: string, start: Start, ctx: Context): OpenedOrg {
  let worker: OrgWorker | null = null
  let trouble: string | null = 'not logged in yet'
  const firstTry = Promise.withResolvers<OrgWorker>()
  const halted = Promise.withResolvers<string>()
  // Whether anybody awaits it is the caller's choice.
  firstTry.promise.catch(() => {})

  const open = async () => {
    for (let failures = 1; !ctx.signal.aborted; failures++) {
      try {
        worker = await start((why) => {
          trouble = why
        })
        trouble = null
        void worker.halted.then(halted.resolve)
        return firstTry.resolve(worker)
      } catch (error) {
        firstTry.reject(error)
        // If this was the last org that might have been opened, the whole start has failed by then.
        await setImmediate()
        if (ctx.signal.aborted) return
        trouble = messageOf(error)
        const ms = retryDelay(failures)
        const seconds = Math.ceil(ms / 1000)
        ctx.log.error({ org, err: error }, `The org cannot be used, retrying in ${seconds} s.`)
        await ctx.clock.sleep(ms, ctx.signal).catch(() => {})
      }
    }
    firstTry.reject(ctx.signal.reason)
  }
  const opening = open()
  return {
    org,
    get worker() {
      return worker
    },
    get trouble() {
      return trouble ?? worker?.trouble ?? null
    },
    firstTry: firstTry.promise,
    halted: halted.promise,
    stop: async () => {
      await opening
      await worker?.stop()
    },
  }
}
