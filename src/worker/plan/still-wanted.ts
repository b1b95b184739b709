import type { Context } from '../../shared/base/context.ts'
import { isTerminal } from '../../shared/contract/receipt.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { stopReasonOf } from '../end/cancel.ts'

/** The request is to end before its time: what was planned of it is of no use. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError'
}

const LOOK_EVERY_MS = 1000

/** A check for between two blocks of a source, which may take hours to read; asks once a second. */
export function stillWanted(
  record: RequestRecord,
  store: OrgStore,
  ctx: Context,
): () => Promise<void> {
  let lookAt = 0
  return async () => {
    ctx.signal.throwIfAborted()
    const now = ctx.clock.now()
    if (now < lookAt) return
    lookAt = now + LOOK_EVERY_MS
    const reason = await stopReasonOf(record, store, ctx)
    if (reason !== null || (await isOver(record, store))) {
      throw new StoppedError(`Request ${record.request.id} is to end before its time.`)
    }
  }
}

/** Nobody waits for this plan to end the request: once it has ended, the flag is down again. */
async function isOver({ request }: RequestRecord, { ledger }: OrgStore): Promise<boolean> {
  const now = await ledger.load(request.id)
  return now === null || isTerminal(now.status)
}
