import { randomUUID } from 'node:crypto'
import { systemClock } from '../shared/clock.ts'
import type { OrgStore } from '../shared/org-store.ts'
import { BEAT_MS, beat, leave } from '../shared/presence.ts'
import { endsWithin } from '../shared/shutdown.ts'
import { unlessAborted } from '../shared/unless-aborted.ts'
import type { Context } from './context.ts'

/** Leaving is a courtesy: without it the worker counts for some seconds more. */
const LEAVE_WITHIN_MS = 500

export interface Heartbeat {
  stop(): void
  /** Resolves once the worker has left. */
  readonly ended: Promise<void>
}

/** Shows that this worker lives. In real time, whatever the clock: Redis counts it. */
export function startHeartbeat(store: OrgStore, ctx: Context): Heartbeat {
  const stopping = new AbortController()
  const signal = AbortSignal.any([ctx.signal, stopping.signal])
  const worker = randomUUID()
  const loop = async () => {
    while (!signal.aborted) {
      try {
        await unlessAborted(beat(store, worker), signal)
        await systemClock.sleep(BEAT_MS, signal)
      } catch (error) {
        if (signal.aborted) break
        ctx.log.error({ err: error }, 'The worker could not show that it lives.')
        await systemClock.sleep(BEAT_MS, signal).catch(() => {})
      }
    }
    await endsWithin(
      leave(store, worker).catch(() => {}),
      LEAVE_WITHIN_MS,
    )
  }
  return { stop: () => stopping.abort(), ended: loop() }
}
