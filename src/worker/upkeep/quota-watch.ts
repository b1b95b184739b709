import { systemClock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import { messageOf } from '../../shared/base/errors.ts'
import { raceAbort } from '../../shared/base/race.ts'
import type { Salesforce } from '../../shared/salesforce/client.ts'
import { SalesforceError, WrongOrgError } from '../../shared/salesforce/errors.ts'
import type { Quota } from '../../shared/salesforce/transport.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { saveQuota } from '../../shared/store/quota.ts'
import { redisNow } from '../../shared/store/redis/server-clock.ts'
import { ASK_WAITING_MS, callBackHeld, type QuotaGovernor } from '../gate/governor.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'

/**
 * Keeps the remaining daily allowances of the org in Redis for monitoring. Every answer reports the
 * API calls; the bulk batches need a call of their own, which one worker makes regularly for all.
 * Times are Redis's, because other processes read them.
 */

/** Minimum interval between two writes. */
const HEARD_EVERY_MS = 5_000

/** How often a worker checks whether it is time to ask. The first check comes after this delay. */
const CHECK_EVERY_MS = 60_000
const ASK_EVERY_MS = 5 * 60_000
/** Retry delay after a refusal: a user who may not read the limits may be given the permission. */
const ASK_AGAIN_MS = 3600_000

/** Records the API call counts that answers report. */
export function quotaListener(
  store: OrgStore,
  governor: Pick<QuotaGovernor, 'heard'>,
): (quota: Quota) => void {
  let due = 0
  return (quota) => {
    governor.heard(quota)
    const { used, max } = quota
    const now = systemClock.now()
    if (now < due) return
    due = now + HEARD_EVERY_MS
    const DailyApiRequests = { max, remaining: max - used }
    // Nothing depends on this, and Redis problems are reported elsewhere.
    redisNow(store.redis)
      .then((at) => saveQuota(store.connection, store.ledger.keys, { DailyApiRequests }, at))
      .then(() => callBackHeld(store))
      .catch(() => {})
  }
}

/** Reads the limits unless another worker did so recently. */
export async function askForQuota(
  store: OrgStore,
  salesforce: Pick<Salesforce, 'limits'>,
  { log, signal }: Context,
): Promise<void> {
  const { redis, connection, ledger } = store
  const { keys } = ledger
  const { fault } = await ledger.pauseState()
  // During a fault an extra call does not help; a used-up quota is the exception.
  if (fault !== null && fault.reason !== 'quota') return
  const everyMs = (await redis.zcard(keys.held)) > 0 ? ASK_WAITING_MS : ASK_EVERY_MS
  if ((await redis.set(keys.quotaTurn, '1', 'PX', everyMs, 'NX')) === null) return
  try {
    const limits = await salesforce.limits(signal)
    await saveQuota(connection, keys, limits, await redisNow(redis))
    await callBackHeld(store)
  } catch (error) {
    if (signal.aborted || !(error instanceof SalesforceError)) throw error
    if (error.retryable)
      return log.debug({ err: error }, 'The limits of the org could not be published.')
    const isNews = !refused.has(store)
    refused.add(store)
    log[isNews ? 'info' : 'debug'](
      { code: error.code },
      `The daily limit of bulk batches is unknown, so no ingest job waits for it: ${messageOf(error)} The user needs the permission View Setup and Configuration.`,
    )
    await redis.set(keys.quotaTurn, '1', 'PX', ASK_AGAIN_MS)
  }
}

/** The stores whose user may not read the limits; each is reported once. */
const refused = new WeakSet<OrgStore>()

/** @param halt stops all work for the org, because the login now leads to another org */
export function startQuotaWatch(
  store: OrgStore,
  salesforce: Pick<Salesforce, 'limits'>,
  ctx: Context,
  halt: (error: WrongOrgError) => void,
): Loop {
  const onError = (err: unknown) => {
    if (err instanceof WrongOrgError) return halt(err)
    ctx.log.warn({ err }, 'The limits of the org could not be read.')
  }
  return startLoop(
    { ...ctx, clock: systemClock },
    { everyMs: CHECK_EVERY_MS, waitsFirst: true, onError },
    (own) => raceAbort(askForQuota(store, salesforce, own), own.signal),
  )
}
