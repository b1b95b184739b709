import type { Context } from '../../shared/base/context.ts'
import { isTerminal } from '../../shared/contract/status.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { stopReasonOf } from '../end/cancel.ts'
import { startLoop } from '../jobs/loop.ts'

/** The request is to end early, so its plan is discarded. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError'
}

const CHECK_EVERY_MS = 500

/**
 * Runs the work of a plan, which may take hours, until its request is to end. The signal in its
 * context then aborts, so that a cancellation does not wait for a source that sends nothing.
 *
 * @throws StoppedError if the request is to end early
 */
export async function whileWanted<T>(
  record: RequestRecord,
  store: OrgStore,
  ctx: Context,
  work: (ctx: Context) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const check = async () => {
    const reason = await stopReasonOf(record, store, ctx)
    if (reason === null && !(await isOver(record, store))) return
    stop.abort(new StoppedError(`Request ${record.request.id} is to end before its time.`))
  }
  await check()
  stop.signal.throwIfAborted()
  const fail = (error: unknown) => stop.abort(error)
  const watch = startLoop(ctx, { everyMs: CHECK_EVERY_MS, waitsFirst: true, onError: fail }, check)
  try {
    return await work({ ...ctx, signal: AbortSignal.any([ctx.signal, stop.signal]) })
  } finally {
    watch.stop()
  }
}

/**
 * Whether the request already ended. Its end does not wait for this plan and clears the stop flag,
 * so the flag alone is not enough.
 */
async function isOver({ request }: RequestRecord, { ledger }: OrgStore): Promise<boolean> {
  const now = await ledger.load(request.id)
  return now === null || isTerminal(now.status)
}
