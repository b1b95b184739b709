import { tracingChannel } from 'node:diagnostics_channel'

/**
 * The places where this process changes something outside itself: a script in Redis, an order, a
 * call to Salesforce, a result file. Each is announced on a channel of `node:diagnostics_channel`
 * before it begins and after it ends, so that traces can follow them and tests can kill the process
 * at every one of them. Without a subscriber it costs nothing.
 */

export const EFFECT_CHANNEL = 'expunge:effect'

/** What subscribers are told; `name` is one of a few, as in `redis:accept` or `salesforce:close`. */
export interface Effect {
  readonly name: string
}

const channel = tracingChannel<unknown, Effect>(EFFECT_CHANNEL)

/** Does the work between its two announcements. */
export function effect<T>(name: string, work: () => Promise<T>): Promise<T> {
  return channel.hasSubscribers ? channel.tracePromise(work, { name }) : work()
}
