import type { Context } from '../../shared/base/context.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'

/**
 * From the ledger's outbox to the queue of callbacks. A change is taken away only once its callback
 * is ordered: a crash in between orders it again, under the same name, and at worst it is told twice.
 */

const LOOK_EVERY_MS = 1000
const AT_ONCE = 100

/** Orders a callback for each change of status that waits; returns how many there were. */
export async function orderCallbacks({ ledger, orders }: OrgStore, ctx: Context): Promise<number> {
  const changes = await ledger.statusChanges(AT_ONCE)
  for (const change of changes) {
    ctx.signal.throwIfAborted()
    await orders.callback(change)
    await ledger.statusTold(change)
  }
  return changes.length
}

/** Does so once a second, and at once again where more is waiting. */
export function startPostman(store: OrgStore, ctx: Context): Loop {
  const onError = (err: unknown) =>
    ctx.log.error({ err }, 'Callbacks could not be ordered; they come later.')
  return startLoop(ctx, { everyMs: LOOK_EVERY_MS, onError }, async (own) => {
    let ordered = AT_ONCE
    while (ordered === AT_ONCE) ordered = await orderCallbacks(store, own)
  })
}
