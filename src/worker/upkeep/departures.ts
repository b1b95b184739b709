import { systemClock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import type { GatherSet } from '../../shared/store/ledger/gather-sets.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'

/**
 * Lets small requests depart from their gather sets when they are due. Every worker looks at the
 * time of the next departure, whoever joined: one command a second while nothing gathers, and no
 * timer for a set or a request. If a worker dies, the others go on. Uses real time, like Redis.
 */

/** A set that is full, or may wait for less than this, departs up to this much late. */
const LOOK_MS = 1000
/** Spreads the workers, so that they do not all try the same departure. */
const SPREAD_MS = 50

interface DepartureDeps {
  readonly store: OrgStore
  readonly metrics: Metrics
}

export function startDepartures(deps: DepartureDeps, ctx: Context): Loop {
  const onError = (err: unknown) =>
    ctx.log.error({ err }, 'Small requests could not be sent together. It will be retried.')
  const real = { ...ctx, clock: systemClock }
  return startLoop(real, { everyMs: LOOK_MS, onError }, (own) => departDue(deps, own))
}

/** Lets everything depart that is due before the next look. */
async function departDue(deps: DepartureDeps, ctx: Context): Promise<void> {
  const { ledger } = deps.store
  while (!ctx.signal.aborted) {
    const next = await ledger.nextDeparture()
    if (next === null || next.inMs > LOOK_MS) return
    if (next.inMs > 0) await ctx.clock.sleep(next.inMs + Math.random() * SPREAD_MS, ctx.signal)
    else await departFrom(next.set, deps, ctx)
  }
}

/** A crash between the two steps leaves a departed order that the sweep sends. */
async function departFrom(
  set: GatherSet,
  { store: { org, ledger, orders }, metrics }: DepartureDeps,
  ctx: Context,
): Promise<void> {
  const departure = await ledger.depart(set)
  if (departure.kind !== 'departed') return
  const { order, members, records, reason } = departure
  await orders.ingest(order, set.priority)
  metrics.departed({ org, reason })
  ctx.log.info(
    { ...set, order, requests: members, records, reason },
    members === 1 ? 'A small request is sent alone.' : 'Small requests are sent together.',
  )
}
