import { channel, tracingChannel } from 'node:diagnostics_channel'

/**
 * Trace events of this process, on channels of `node:diagnostics_channel`. Without a subscriber they
 * cost nothing.
 */

export const EFFECT_CHANNEL = 'expunge:effect'
export const FACTS_CHANNEL = 'expunge:note'

/** The event of an effect; `name` comes from a small set, such as `redis:accept`, `salesforce:close`. */
export interface Effect {
  readonly name: string
}

const effects = tracingChannel<unknown, Effect>(EFFECT_CHANNEL)

/**
 * Runs work that changes something outside this process: a Redis script, a BullMQ job, a call to
 * Salesforce, a result file. Events before and after it let traces follow it, and tests kill the
 * process at it.
 */
export function effect<T>(name: string, work: () => Promise<T>): Promise<T> {
  return effects.hasSubscribers ? effects.tracePromise(work, { name }) : work()
}

/**
 * Facts about the current call or job, as they become known. Never a record id or a value of a source.
 */
interface TraceFacts {
  readonly org?: string
  /** Ids of deletion requests. */
  readonly requests?: readonly string[]
  readonly object?: string
  readonly operation?: string
  readonly records?: number | undefined
  /** Status of the request. */
  readonly status?: string
  /** Of the ingest job: our order, Salesforce's id (`750…`), Salesforce's state. */
  readonly order?: string
  readonly ingestJob?: string
  readonly state?: string
  /** The error's code. */
  readonly error?: string | undefined
}

const facts = channel(FACTS_CHANNEL)

export function addFacts(added: TraceFacts): void {
  if (facts.hasSubscribers) facts.publish(added)
}

/** Adds the facts of the request that the current work is about. */
export function addRequestFacts(
  org: string,
  { id, object, operation }: { id: string; object: string; operation: string },
): void {
  addFacts({ org, requests: [id], object, operation })
}
