import { randomUUID } from 'node:crypto'
import { systemClock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import { endsWithin, raceAbort } from '../../shared/base/race.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { BEAT_MS, runSign, workerSign } from '../../shared/store/presence.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'

/** A worker that does not sign off is counted for a few more seconds. */
const LEAVE_WITHIN_MS = 500

/** Shows that this worker is alive. Uses real time, because Redis expires the sign. */
export function startHeartbeat(store: OrgStore, ctx: Context): Loop {
  const sign = workerSign(store, randomUUID())
  // Also verifies the ledger: a worker without jobs would not do so otherwise.
  const show = async () => {
    await store.connection.verify()
    await sign.give()
  }
  const onError = (err: unknown) =>
    ctx.log.error({ err }, 'The worker could not renew its heartbeat.')
  const loop = startLoop({ ...ctx, clock: systemClock }, { everyMs: BEAT_MS, onError }, (own) =>
    raceAbort(show(), own.signal),
  )
  const gone = () =>
    endsWithin(
      sign.takeBack().catch(() => {}),
      LEAVE_WITHIN_MS,
    )
  return { ...loop, ended: loop.ended.then(async () => void (await gone())) }
}

/** Shows that a process is working on this request. Uses real time. */
export function startRunHeartbeat(store: OrgStore, request: string, ctx: Context): Loop {
  const sign = runSign(store, request)
  const onError = (err: unknown) => ctx.log.debug({ err }, 'The run could not renew its heartbeat.')
  const loop = startLoop({ ...ctx, clock: systemClock }, { everyMs: BEAT_MS, onError }, () =>
    sign.give(),
  )
  return { ...loop, ended: loop.ended.then(() => sign.takeBack().catch(() => {})) }
}
