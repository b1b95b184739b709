import { randomUUID } from 'node:crypto'
import { systemClock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import { endsWithin, raceAbort } from '../../shared/base/race.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { BEAT_MS, beat, beatRun, leave, leaveRun } from '../../shared/store/presence.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'

/** Verifies the ledger too: a worker without jobs has no other occasion to. */
async function show(store: OrgStore, worker: string): Promise<void> {
  await store.connection.verify()
  await beat(store, worker)
}

/** A worker that does not say that it leaves counts for some seconds more. */
const LEAVE_WITHIN_MS = 500

/** Shows that this worker lives. In real time, whatever the clock: Redis counts it. */
export function startHeartbeat(store: OrgStore, ctx: Context): Loop {
  const worker = randomUUID()
  const onError = (err: unknown) =>
    ctx.log.error({ err }, 'The worker could not show that it lives.')
  const loop = startLoop({ ...ctx, clock: systemClock }, { everyMs: BEAT_MS, onError }, (own) =>
    raceAbort(show(store, worker), own.signal),
  )
  const gone = () =>
    endsWithin(
      leave(store, worker).catch(() => {}),
      LEAVE_WITHIN_MS,
    )
  return { ...loop, ended: loop.ended.then(async () => void (await gone())) }
}

/** Shows that somebody works on this very request. In real time, whatever the clock. */
export function startRunHeartbeat(store: OrgStore, request: string, ctx: Context): Loop {
  const onError = (err: unknown) => ctx.log.debug({ err }, 'The run could not show that it lives.')
  const loop = startLoop({ ...ctx, clock: systemClock }, { everyMs: BEAT_MS, onError }, () =>
    beatRun(store, request),
  )
  return { ...loop, ended: loop.ended.then(() => leaveRun(store, request).catch(() => {})) }
}
