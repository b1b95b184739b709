import { channel } from 'node:diagnostics_channel'

/**
 * What becomes known of the piece of work in hand, a call or a job, told on a channel of
 * `node:diagnostics_channel` to whoever follows the work from outside. Without a subscriber it
 * costs nothing. What may be told has a name below: never a record id, never a value of a source.
 */

export const NOTE_CHANNEL = 'expunge:note'

export interface Note {
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

const notes = channel(NOTE_CHANNEL)

export function note(facts: Note): void {
  if (notes.hasSubscribers) notes.publish(facts)
}

/** That this is about one request. */
export function noteRequest(
  org: string,
  { id, object, operation }: { id: string; object: string; operation: string },
): void {
  note({ org, requests: [id], object, operation })
}
