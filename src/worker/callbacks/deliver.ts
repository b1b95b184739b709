import type { Job } from 'bullmq'
import { backoff } from '../../shared/base/backoff.ts'
import { type Context, ShutdownError } from '../../shared/base/context.ts'
import { ExpungeError } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { addFacts } from '../../shared/base/trace.ts'
import { type CallbackConfig, type Receiver, receiverOf } from '../../shared/config/callbacks.ts'
import { isTerminal } from '../../shared/contract/status.ts'
import { LedgerReplacedError } from '../../shared/store/ledger/connection.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { parseCallbackJob } from '../../shared/store/queues/queues.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import { handOver, leaveToNewer, putAside } from '../jobs/hand-over.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'
import { type CallbackEvent, postCallback } from './post.ts'
import { openCallbackSecrets } from './signing.ts'

/**
 * Up to this age a callback waits as long as its receiver asks, without spending a try. About as
 * long as all tries take.
 */
const PUT_OFF_FOR_MS = 12 * 3600_000

interface CallbackDeps {
  readonly store: OrgStore
  readonly metrics: Metrics
  /** Null if no callbacks are configured: then none is sent. */
  readonly callbacks: Callbacks | null
}

/** Where callbacks may go, and the secrets that sign them. */
interface Callbacks {
  readonly config: CallbackConfig
  readonly secrets: ReadonlyMap<Receiver, () => Promise<readonly string[]>>
}

/** @throws ConfigError if the secrets cannot be used */
export async function openCallbacks(
  config: CallbackConfig | null,
  log: Logger,
): Promise<Callbacks | null> {
  if (config === null) return null
  const secrets = config.receivers.map(
    async (receiver) => [receiver, await openCallbackSecrets(receiver, log)] as const,
  )
  return { config, secrets: new Map(await Promise.all(secrets)) }
}

/** The receiver did not accept the callback; BullMQ tries again after a growing delay. */
class CallbackFailedError extends ExpungeError {
  readonly code = 'CALLBACK_UNAVAILABLE'
  override readonly retryable = true
}

/**
 * Processes a callback's BullMQ job: tells the caller's server that a request has reached a status.
 */
export async function deliverCallback(
  job: Job,
  token: string,
  deps: CallbackDeps,
  ctx: Context,
): Promise<void> {
  const data = parseCallbackJob(job.data)
  if (data === null) return leaveToNewer(job, token)
  const { store, metrics } = deps
  addFacts({ org: store.org, requests: [data.id], status: data.status })
  try {
    const record = await store.ledger.load(data.id)
    if (record === null || record.request.callbackUrl === null) return
    const posted = await post(
      record.request.callbackUrl,
      eventOf(record, data, store.org),
      deps,
      ctx,
    )
    metrics.calledBack({ org: store.org, result: posted.result })
    const { id: request, status } = data
    if (posted.result === 'delivered') {
      ctx.log.info({ request, status }, 'Callback sent.')
      return
    }
    ctx.log.warn({ request, status, ...posted }, 'The callback could not be sent.')
    if (posted.result !== 'unavailable') return
    const delay = askedDelay(job, posted.retryAfterMs, ctx.clock.now() - data.at)
    if (delay !== null) return putAside(job, token, delay)
    throw new CallbackFailedError(`The receiver of ${data.id}'s callbacks: ${posted.reason}.`)
  } catch (error) {
    if (error instanceof ShutdownError || error instanceof LedgerReplacedError) {
      return handOver(job, token)
    }
    throw error
  }
}

/**
 * The delay that a receiver asked for, if it is longer than BullMQ's own; else null. A shorter one
 * would call the receiver forever, because a delayed job spends no try.
 */
function askedDelay(
  { opts: { backoff: terms }, attemptsMade }: Job,
  asked: number | null,
  age: number,
): number | null {
  if (asked === null || age > PUT_OFF_FOR_MS) return null
  const { delay: first = 0 } = typeof terms === 'object' ? terms : {}
  return asked > backoff({ first, factor: 2 })(attemptsMade + 1) ? asked : null
}

async function post(
  url: string,
  event: CallbackEvent,
  { callbacks }: CallbackDeps,
  { clock, signal }: Context,
): ReturnType<typeof postCallback> {
  if (callbacks === null) {
    const reason = 'no callbacks are configured here (callbacks.receivers)'
    return { result: 'refused-address', reason }
  }
  const { allow, timeoutMs, receivers } = callbacks.config
  const receiver = receiverOf(url, receivers)
  const secretsNow = receiver && callbacks.secrets.get(receiver)
  if (!secretsNow) {
    const reason = `no receiver of callbacks.receivers is for ${URL.parse(url)?.origin}`
    return { result: 'refused-address', reason }
  }
  const secrets = await secretsNow()
  return postCallback(url, event, { allow, timeoutMs, secrets, clock, signal })
}

/**
 * The content of the callback: the status reached then, and the receipt if the status is terminal.
 */
function eventOf(
  { request, receipt }: RequestRecord,
  { status, at }: NonNullable<ReturnType<typeof parseCallbackJob>>,
  org: string,
): CallbackEvent {
  return {
    id: request.id,
    org,
    status,
    at: new Date(at).toISOString(),
    ...(isTerminal(status) && receipt !== null ? { receipt } : {}),
  }
}

/**
 * Callbacks are ordered from the ledger's outbox. A status change is removed only once its callback
 * is in the queue: after a crash in between it is ordered again under the same name, and at worst
 * sent twice.
 */

const LOOK_EVERY_MS = 1000
const AT_ONCE = 100

/** Orders a callback for each waiting status change; returns how many there were. */
export async function orderCallbacks({ ledger, orders }: OrgStore, ctx: Context): Promise<number> {
  const changes = await ledger.statusChanges(AT_ONCE)
  for (const change of changes) {
    ctx.signal.throwIfAborted()
    await orders.callback(change)
    await ledger.statusTold(change)
  }
  return changes.length
}

/** Orders callbacks once a second, and again at once if more are waiting. */
export function startCallbackOrders(store: OrgStore, ctx: Context): Loop {
  const onError = (err: unknown) =>
    ctx.log.error({ err }, 'Callbacks could not be enqueued. It will be retried.')
  return startLoop(ctx, { everyMs: LOOK_EVERY_MS, onError }, async (own) => {
    let ordered = AT_ONCE
    while (ordered === AT_ONCE) ordered = await orderCallbacks(store, own)
  })
}
