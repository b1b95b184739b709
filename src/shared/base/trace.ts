import { channel, tracingChannel } from 'node:diagnostics_channel'

/**
 * What this process tells whoever follows its work from outside, on channels of
 * `node:diagnostics_channel`. Without a subscriber it costs nothing.
 */

export const EFFECT_CHANNEL = 'expunge:effect'
export const FACTS_CHANNEL = 'expunge:note'

/** What subscribers are told; `name` is one of a few, as in `redis:accept` or `salesforce:close`. */
export interface Effect {
  readonly name: string
}

const effects = tracingChannel<unknown, Effect>(EFFECT_CHANNEL)

/**
 * Does work that changes something outside this process: a script in Redis, an order, a call to
 * Salesforce, a result file. It is announced before it begins and after it ends, so that traces can
 * follow it and tests can kill the process at it.
 */
export function effect<T>(name: string, work: () => Promise<T>): Promise<T> {
  return effects.hasSubscribers ? effects.tracePromise(work, { name }) : work()
}

/**
 * Facts about the call or job in hand, as they become known. Never a record id, never a value of a
 * source.
 */
interface TraceFacts {
  readonly org?: string
  /** Ids of deletion requests. */
  readonly requests?: readonly string[]
  readonly object?: string
  readonly operation?: string
  readonly records?: number | undefined
  /** What the request came to. */
  readonly status?: string
  /** Of the ingest job: our order, Salesforce's id (`750…`) and Salesforce's state. */
  readonly order?: string
  readonly ingestJob?: string
  readonly state?: string
  /** The code of what went wrong. */
  readonly error?: string | undefined
}

const facts = channel(FACTS_CHANNEL)

export function addFacts(added: TraceFacts): void {
  if (facts.hasSubscribers) facts.publish(added)
}

/** That the work in hand is about one request. */
export function addRequestFacts(
  org: string,
  { id, object, operation }: { id: string; object: string; operation: string },
): void {
  addFacts({ org, requests: [id], object, operation })
}
