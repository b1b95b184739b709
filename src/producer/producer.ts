import { ExpungeError } from '../shared/base/errors.ts'
import { DEFAULT_ORG } from '../shared/contract/org-name.ts'
import type { Receipt, Signature } from '../shared/contract/receipt.ts'
import {
  type DeletionRequestInput,
  type Priority,
  parsePriority,
  parseRequest,
} from '../shared/contract/request.ts'
import { type RetryTerms, retryRequest } from '../shared/store/intake/retry.ts'
import { type Caller, submit } from '../shared/store/intake/submit.ts'
import type { OrgStore } from '../shared/store/org-store.ts'
import { explained } from '../shared/store/redis/trouble.ts'
import { type RequestView, viewOf, viewOfSubmitted } from '../shared/store/request-view.ts'
import { readOrgState } from '../shared/store/waiting.ts'
import { actsOn, unknownRequest } from './acts.ts'
import { connectProducer, MAY_BE_LOST, type ProducerOptions } from './connection.ts'

export { ConfigError, ExpungeError, RefusedError } from '../shared/base/errors.ts'
export { BudgetExceededError, type CallerLimits } from '../shared/contract/caller-limits.ts'
export { UnusableObjectError } from '../shared/contract/described-object.ts'
export { UnknownObjectError } from '../shared/contract/known-object.ts'
export type {
  Outcome,
  Plan,
  Receipt,
  SignedAct,
} from '../shared/contract/receipt.ts'
export type { DeletionRequestInput, Priority, StoredRequest } from '../shared/contract/request.ts'
export type { Status, TerminalStatus } from '../shared/contract/status.ts'
export {
  PlanAppliedError,
  PlanChangedError,
  PlanExpiredError,
} from '../shared/store/intake/apply.ts'
export { NotRetryableError } from '../shared/store/intake/retry.ts'
export type { Caller } from '../shared/store/intake/submit.ts'
export { ConflictError, GoneError } from '../shared/store/intake/taken.ts'
export { LedgerReplacedError } from '../shared/store/ledger/connection.ts'
export {
  type RedisConfig,
  RedisUnavailableError,
  RedisUnusableError,
} from '../shared/store/redis/redis.ts'
export type { RequestProgress, RequestView } from '../shared/store/request-view.ts'
export type { Waiting } from '../shared/store/waiting.ts'
export {
  AlreadyOverError,
  NotWaitingError,
  UnknownRequestError,
} from './acts.ts'
export type { ProducerOptions } from './connection.ts'

/**
 * The ledger's data about a request cannot be parsed: a newer version wrote it, or it is damaged.
 */
export class UnreadableRequestError extends ExpungeError {
  readonly code = 'UNREADABLE_REQUEST'
}

/** Options of an action on a request; the receipt names who acted and why. */
export interface ActOptions {
  readonly org?: string
  /** Name of the actor, chosen by the caller; defaults to `library`. */
  readonly by?: string
  readonly reason?: string | undefined
}

export interface SubmitAnswer {
  readonly request: RequestView
  /** False if the same request already existed: repeating a submit is harmless. */
  readonly created: boolean
}

/**
 * Accepts deletion requests and reports their results; workers do the deleting. While Redis is
 * unavailable, every call fails within seconds with a RedisUnavailableError. If an org's requests
 * in Redis were replaced since its first call (Redis came back empty, or was restored from
 * elsewhere), every call for that org fails with a LedgerReplacedError until you create another
 * producer.
 */
export interface Producer {
  /**
   * Accepts a request: once it resolves, the request is stored and will reach a terminal status.
   *
   * @param upload the CSV bytes of a source `{ type: 'upload' }`
   * @param options.submittedBy who submits it, by a name that you choose; kept with the request
   * @param options.limits their limits over all their requests in this org
   * @throws RefusedError `INVALID_REQUEST` naming every wrong field
   * @throws UnknownObjectError if the org does not allow the object; its case does not matter
   * @throws UnusableObjectError if the org said that its records cannot be deleted
   * @throws ConflictError if the id belongs to another request
   * @throws GoneError if it belonged to a request that has ended and whose record has expired
   * @throws BudgetExceededError if their budget has no room for the list
   */
  submit(
    request: DeletionRequestInput,
    upload?: AsyncIterable<Uint8Array>,
    options?: Caller,
  ): Promise<SubmitAnswer>
  /**
   * Submits rows of an ended request as a new one: with its terms, but without its deadline and what
   * its plan was expected to be. The new id is `<id>-retry-1` by default, so repeating the call is
   * harmless.
   *
   * @param rows CSV with a column `Id`, such as the result files `failed.csv` and `unprocessed.csv`
   * @throws UnknownRequestError
   * @throws NotRetryableError unless it has ended and has deleted something
   * @throws InvalidRequestError, ConflictError and the others of `submit`
   */
  retry(
    id: string,
    rows: AsyncIterable<Uint8Array>,
    options?: Caller & RetryTerms & { readonly org?: string },
  ): Promise<SubmitAnswer>
  /** Null if the org does not have the request (any more). */
  inspect(id: string, options?: { org?: string }): Promise<RequestView | null>
  /** Newest first. `onError` receives errors for unreadable requests; the others are listed. */
  list(options?: { org?: string; offset?: number; count?: number }): Promise<readonly RequestView[]>
  /**
   * Approves a plan that awaits approval. Repeating it is harmless.
   *
   * @param options.plan `sha256` of the plan that you reviewed
   * @throws NotWaitingError if it is not parked, or was turned down
   * @throws PlanChangedError if another plan than the named one waits
   */
  approve(
    id: string,
    options?: ActOptions & { plan?: string; as?: string },
  ): Promise<{ id: string }>
  /**
   * Turns such a plan down: nothing is deleted, and the request ends `cancelled`.
   *
   * @throws NotWaitingError if it was approved before: then only `cancel` ends it
   */
  decline(id: string, options?: ActOptions): Promise<void>
  /**
   * Ends a request early, whatever its status: nothing more is sent, and its running ingest jobs
   * are aborted in Salesforce. The workers carry that out; `wait` resolves when they have, with
   * what was deleted until then. Repeating it is harmless.
   *
   * @throws UnknownRequestError
   * @throws AlreadyOverError if it has its receipt
   */
  cancel(id: string, options?: ActOptions): Promise<void>
  /**
   * Changes the priority of a request that waits or runs. What has not been sent goes on with the
   * new one; ingest jobs that run are not affected. Repeating it is harmless. The view names the
   * actor (`prioritizedBy`).
   *
   * @throws UnknownRequestError
   * @throws AlreadyOverError if it has its receipt
   */
  setPriority(id: string, priority: Priority, options?: ActOptions): Promise<void>
  /** Resolves with the receipt once the request has reached its terminal status. */
  wait(id: string, options?: { org?: string; signal?: AbortSignal }): Promise<Receipt>
  close(): Promise<void>
}

/**
 * Connects a producer.
 *
 * @throws RedisUnusableError for a Redis that cannot keep requests: login, version, role, eviction,
 *   no append-only file
 * @throws RedisUnavailableError
 */
export async function createProducer(options: ProducerOptions): Promise<Producer> {
  return producerOver(await connectProducer(options))
}

/**
 * Closing the producer closes the connection.
 *
 * @internal not in the published types
 */
export function producerOver({
  stores,
  clock,
  replicated,
  objects,
  onError,
  close,
}: Awaited<ReturnType<typeof connectProducer>>): Producer {
  const storeOf = (org = DEFAULT_ORG) => stores.of(org)
  const acts = (org?: string) => actsOn(storeOf(org))
  const change = <T>(write: () => Promise<T>, note?: string) =>
    explained(() => replicated(write), note)
  const producer: Producer = {
    submit: async (input, upload, { submittedBy, limits } = {}) => {
      const request = parseRequest(input, clock.now())
      const store = storeOf(request.org)
      const caller = { submittedBy, limits, objects }
      const submitted = await change(
        () => submit(store, request, clock.now(), upload, caller),
        MAY_BE_LOST,
      )
      const view = await explained(() => viewOfSubmitted(store, submitted))
      return { request: view, created: submitted.created }
    },
    retry: async (id, rows, { org, as, reason, ...caller } = {}) => {
      const store = storeOf(org)
      const record = await explained(() => store.ledger.load(id))
      if (record === null) throw unknownRequest(store, id)
      const { request } = retryRequest(record, { as, reason }, clock.now())
      return producer.submit(request, rows, caller)
    },
    inspect: (id, { org } = {}) =>
      explained(async () => {
        const store = storeOf(org)
        const record = await store.ledger.load(id)
        return record === null ? null : viewOf(store, record)
      }),
    list: ({ org, offset = 0, count = 50 } = {}) =>
      explained(async () => {
        const store = storeOf(org)
        const { records, unreadable } = await store.ledger.list({ offset, count })
        for (const { id, problem } of unreadable) onError(unreadableRequest(store, id, problem))
        const state = await readOrgState(store)
        return Promise.all(records.map((record) => viewOf(store, record, state)))
      }),
    approve: (id, { org, plan, as, ...by } = {}) =>
      change(() => acts(org).approve(id, { plan, as, by: signatureOf(by), now: clock.now() })),
    decline: (id, { org, ...by } = {}) => change(() => acts(org).decline(id, signatureOf(by))),
    cancel: (id, { org, ...by } = {}) => change(() => acts(org).cancel(id, signatureOf(by))),
    setPriority: (id, priority, { org, ...by } = {}) =>
      change(() => acts(org).setPriority(id, parsePriority(priority), signatureOf(by))),
    wait: (id, { org, signal } = {}) => explained(() => acts(org).wait(id, signal)),
    close,
  }
  return producer
}

const signatureOf = ({ by = 'library', reason }: ActOptions): Signature => ({
  actor: by,
  reason: reason ?? null,
})

function unreadableRequest({ org }: OrgStore, id: string, problem: string): UnreadableRequestError {
  return new UnreadableRequestError(
    `Request ${id} of org "${org}" cannot be read: ${problem}. A newer version of Expunge may have written it.`,
  )
}
