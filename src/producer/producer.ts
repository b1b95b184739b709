import { systemClock } from '../shared/base/clock.ts'
import { ExpungeError } from '../shared/base/errors.ts'
import { isTerminal, type Receipt, type Status } from '../shared/contract/receipt.ts'
import { DEFAULT_ORG, type DeletionRequestInput, parseRequest } from '../shared/contract/request.ts'
import type { Signature } from '../shared/contract/signed-act.ts'
import { type Caller, submit } from '../shared/store/intake/submit.ts'
import { type OrgStore, openOrgStore, orderDue } from '../shared/store/org-store.ts'
import { assertUsable, connectRedis, type RedisConfig } from '../shared/store/redis/redis.ts'
import { type Replicated, replicatedTo } from '../shared/store/redis/replicated.ts'
import { openServerClock, type ServerClock } from '../shared/store/redis/server-clock.ts'
import { explained } from '../shared/store/redis/trouble.ts'
import { withReason } from '../shared/store/redis/why-away.ts'
import { type RequestView, viewOf, viewOfNew } from '../shared/store/request-view.ts'

export { ConfigError, ExpungeError, RefusedError } from '../shared/base/errors.ts'
export { BudgetExceededError, type CallerLimits } from '../shared/contract/caller-limits.ts'
export type { Outcome, Plan, Receipt, Status, TerminalStatus } from '../shared/contract/receipt.ts'
export type { DeletionRequestInput, StoredRequest } from '../shared/contract/request.ts'
export type { SignedAct } from '../shared/contract/signed-act.ts'
export type { Caller } from '../shared/store/intake/submit.ts'
export { ConflictError, GoneError } from '../shared/store/intake/taken.ts'
export { LedgerReplacedError } from '../shared/store/ledger/connection.ts'
export {
  type RedisConfig,
  RedisUnavailableError,
  RedisUnusableError,
} from '../shared/store/redis/redis.ts'
export type { RequestProgress, RequestView } from '../shared/store/request-view.ts'

/** No request of that id in that org, or none any more. */
export class UnknownRequestError extends ExpungeError {
  readonly code = 'UNKNOWN_REQUEST'
}

/** What the ledger holds of a request does not parse: a newer version wrote it, or it is damaged. */
export class UnreadableRequestError extends ExpungeError {
  readonly code = 'UNREADABLE_REQUEST'
}

/** The request is past the point where this could be done. */
export class NotWaitingError extends ExpungeError {
  readonly code = 'NOT_AWAITING_APPROVAL'
}

/** The plan that waits is not the one that was to be approved. */
export class PlanChangedError extends ExpungeError {
  readonly code = 'PLAN_CHANGED'
}

/** The request has its receipt: nothing of it is left to cancel. */
export class AlreadyOverError extends ExpungeError {
  readonly code = 'ALREADY_OVER'
  /** Null where the record expired this very moment. */
  readonly status: Status | null

  constructor(id: string, status: Status | null) {
    super(`Request ${id} is over (${status ?? 'expired'}): there is nothing left to cancel.`)
    this.status = status
  }
}

export interface ProducerOptions {
  /** A `redis://` or `rediss://` URL, or how else to get there. */
  readonly redis: string | RedisConfig
  /** Takes a server without append-only file, too: a restart of it loses requests. */
  readonly volatile?: boolean
  /**
   * How many replicas must have a request, an approval or a cancellation before the call resolves; 0
   * by default. Fewer within a second: a RedisUnavailableError `REDIS_NOT_REPLICATED`, after which the
   * same call may be repeated.
   */
  readonly replicas?: number
  /**
   * Told of connection errors, while calls fail fast with errors of their own, and of requests that
   * cannot be read and so are missing in a list.
   */
  readonly onError?: (error: Error) => void
}

/** Of what somebody does to a request; who and why stand in its receipt. */
export interface ActOptions {
  readonly org?: string
  /** By a name of the caller's own; `library` where absent. */
  readonly by?: string
  readonly reason?: string | undefined
}

export interface SubmitAnswer {
  readonly request: RequestView
  /** False where the very same request was there already: a repeated submit is harmless. */
  readonly created: boolean
}

/**
 * Takes deletion requests in and tells what became of them. Deleting is the workers' part. Where
 * Redis cannot serve now, every call fails within seconds with a RedisUnavailableError. Where an
 * org's requests in Redis were replaced since its first call (Redis came back empty, or was restored
 * from elsewhere), every call for that org fails with a LedgerReplacedError until there is another producer.
 */
export interface Producer {
  /**
   * Accepts a request: once it resolves, the request is stored and will reach a terminal status.
   *
   * @param upload the CSV bytes of a source `{ type: 'upload' }`
   * @param options.submittedBy who it is for, by a name of the caller's own; kept with the request
   * @param options.limits what holds them over all of their requests in this org
   * @throws RefusedError `INVALID_REQUEST` naming every wrong field
   * @throws ConflictError where the id belongs to another request
   * @throws GoneError where it belonged to one that has ended and whose record has expired
   * @throws BudgetExceededError where their budget has no room for the list
   */
  submit(
    request: DeletionRequestInput,
    upload?: AsyncIterable<Uint8Array>,
    options?: Caller,
  ): Promise<SubmitAnswer>
  /** Null where the org knows no such request (any more). */
  inspect(id: string, options?: { org?: string }): Promise<RequestView | null>
  /** Newest first. `onError` is told of those that cannot be read; the others are listed. */
  list(options?: { org?: string; offset?: number; count?: number }): Promise<readonly RequestView[]>
  /**
   * Lets a plan that awaits approval go ahead. Repeating it is harmless.
   *
   * @param options.plan `sha256` of the plan that was looked at
   * @throws NotWaitingError where it is not parked, or was turned down
   * @throws PlanChangedError where another plan waits than the one named
   */
  approve(id: string, options?: ActOptions & { plan?: string }): Promise<void>
  /**
   * Turns such a plan down: nothing is deleted, the request ends `cancelled`.
   *
   * @throws NotWaitingError where it was approved before: then only `cancel` ends it
   */
  decline(id: string, options?: ActOptions): Promise<void>
  /**
   * Ends a request before its time, wherever it is: from now on nothing more of it is sent, and its
   * ingest jobs at work are aborted in Salesforce. The workers carry that out; `wait` tells when
   * they have, and what was deleted until then. Repeating it is harmless.
   *
   * @throws UnknownRequestError
   * @throws AlreadyOverError where it has its receipt
   */
  cancel(id: string, options?: ActOptions): Promise<void>
  /** Resolves with the receipt once the request has reached its terminal status. */
  wait(id: string, options?: { org?: string; signal?: AbortSignal }): Promise<Receipt>
  close(): Promise<void>
}

const LOOK_EVERY_MS = 250

const MAY_BE_LOST =
  'Whether it is kept is not known: a failover now might lose it. Repeat the same call, under the same id.'

/**
 * Connects a producer. Redis must be there: a submit that cannot be stored has to fail at once.
 *
 * @throws RedisUnusableError for a Redis that cannot keep requests: login, version, role, eviction, no append-only file
 * @throws RedisUnavailableError
 */
export async function createProducer({
  redis: where,
  volatile,
  replicas,
  onError = () => {},
}: ProducerOptions): Promise<Producer> {
  const config: RedisConfig = typeof where === 'string' ? { kind: 'url', url: where } : where
  const redis = connectRedis(config, 'fail-fast', onError)
  let clock: ServerClock
  let kept: Replicated
  try {
    kept = replicatedTo(redis, replicas ?? config.replicas ?? 0, MAY_BE_LOST)
    await explained(() => assertUsable(redis, { volatile: volatile ?? config.volatile ?? false }))
    clock = await explained(() => openServerClock(redis))
  } catch (error) {
    redis.disconnect()
    throw await withReason(config, error)
  }
  const stores = new Map<string, OrgStore>()
  const storeOf = (org = DEFAULT_ORG): OrgStore => {
    const known = stores.get(org)
    if (known !== undefined) return known
    const opened = openOrgStore(redis, org, onError)
    stores.set(org, opened)
    return opened
  }
  return {
    submit: async (input, upload, { submittedBy, limits } = {}) => {
      const request = parseRequest(input, clock.now())
      const store = storeOf(request.org)
      const caller = { submittedBy, limits }
      const { record, created } = await explained(
        () => kept(() => submit(store, request, clock.now(), upload, caller)),
        MAY_BE_LOST,
      )
      if (created) return { request: viewOfNew(store, record), created }
      return { request: await explained(() => viewOf(store, record)), created }
    },
    inspect: (id, { org } = {}) => explained(() => inspect(storeOf(org), id)),
    list: ({ org, offset = 0, count = 50 } = {}) =>
      explained(async () => {
        const store = storeOf(org)
        const { records, unreadable } = await store.ledger.list({ offset, count })
        for (const { id, problem } of unreadable) onError(unreadableRequest(store, id, problem))
        return Promise.all(records.map((record) => viewOf(store, record)))
      }),
    approve: (id, options = {}) =>
      explained(() =>
        kept(() => approve(storeOf(options.org), id, options.plan, signatureOf(options))),
      ),
    decline: (id, options = {}) =>
      explained(() => kept(() => decline(storeOf(options.org), id, signatureOf(options)))),
    cancel: (id, options = {}) =>
      explained(() => kept(() => cancel(storeOf(options.org), id, signatureOf(options)))),
    wait: (id, { org, signal } = {}) => explained(() => wait(storeOf(org), id, signal)),
    close: async () => {
      await Promise.all([...stores.values()].map((store) => store.close()))
      clock.close()
      redis.disconnect()
    },
  }
}

async function inspect(store: OrgStore, id: string): Promise<RequestView | null> {
  const record = await store.ledger.load(id)
  return record === null ? null : viewOf(store, record)
}

const signatureOf = ({ by = 'library', reason }: ActOptions): Signature => ({
  actor: by,
  reason: reason ?? null,
})

async function approve(
  store: OrgStore,
  id: string,
  plan: string | undefined,
  by: Signature,
): Promise<void> {
  const answer = await store.ledger.approve(id, { by, plan })
  switch (answer) {
    case 'approved':
      return orderDue(store, id)
    case 'not-waiting':
      throw notWaiting(id)
    case 'other-plan':
      throw new PlanChangedError(
        `Request ${id} has another plan than the one that was to be approved. Nothing was approved. Look at its plan again.`,
      )
    case 'unknown':
      throw unknown(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

async function decline(store: OrgStore, id: string, by: Signature): Promise<void> {
  const answer = await store.ledger.decline(id, by)
  switch (answer) {
    case 'declined':
      return store.orders.settle(id)
    case 'not-waiting':
      throw notWaiting(id)
    case 'unknown':
      throw unknown(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

async function cancel(store: OrgStore, id: string, by: Signature): Promise<void> {
  const answer = await store.ledger.cancel(id, 'cancelled', by)
  switch (answer) {
    case 'cancelling':
      return store.orders.stop(id)
    case 'over':
      throw new AlreadyOverError(id, (await store.ledger.load(id))?.status ?? null)
    case 'unknown':
      throw unknown(store, id)
    default:
      throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
  }
}

async function wait(store: OrgStore, id: string, signal?: AbortSignal): Promise<Receipt> {
  for (;;) {
    const record = await store.ledger.load(id)
    if (record === null) throw unknown(store, id)
    if (isTerminal(record.status) && record.receipt !== null) return record.receipt
    await systemClock.sleep(LOOK_EVERY_MS, signal)
  }
}

function unknown({ org }: OrgStore, id: string): UnknownRequestError {
  return new UnknownRequestError(
    `Org "${org}" knows no request ${id}. See \`expunge list\` for those it knows.`,
  )
}

function notWaiting(id: string): NotWaitingError {
  return new NotWaitingError(
    `Request ${id} is not awaiting approval. See \`expunge status ${id}\`.`,
  )
}

function unreadableRequest({ org }: OrgStore, id: string, problem: string): UnreadableRequestError {
  return new UnreadableRequestError(
    `Request ${id} of org "${org}" cannot be read: ${problem}. A newer version of Expunge may have written it.`,
  )
}
