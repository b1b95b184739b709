import { systemClock } from '../../../shared/base/clock.ts'
import type { Context } from '../../../shared/base/context.ts'
import type { OrgStore } from '../../../shared/store/org-store.ts'
import { BEAT_MS, endSign, giveSign } from '../../../shared/store/presence.ts'
import { type Loop, startLoop } from '../../jobs/loop.ts'

/** Shows that somebody works on this very request. In real time, whatever the clock. */
export function startSign(store: OrgStore, request: string, ctx: Context): Loop {
  const onError = (err: unknown) => ctx.log.debug({ err }, 'The run could not show that it lives.')
  const loop = startLoop({ ...ctx, clock: systemClock }, { everyMs: BEAT_MS, onError }, () =>
    giveSign(store, request),
  )
  return { ...loop, ended: loop.ended.then(() => endSign(store, request).catch(() => {})) }
}
