/**
 * Every key of one org, all under one hash tag, so that an org lives on one shard of a cluster and
 * orgs spread. The request id enters in lower case: ids are unique without case.
 */
export interface OrgKeys {
  /** BullMQ's `prefix`. */
  readonly prefix: string
  /** Hash: the request, its status, plan and receipt. */
  request(id: string): string
  /** Sorted set: request ids by submission time. */
  readonly requests: string
  /** Set: ids of requests that are not terminal; what the sweep walks. */
  readonly live: string
  /** Hash: `<chunk>.<attempt>` without outcome → the chunk. */
  open(id: string): string
  /** Hash: `<chunk>.<attempt>` → its outcome, written once. */
  ledger(id: string): string
  /** List: compressed frames of one chunk (or one upload, chunk 0). */
  frames(id: string, lot: string, chunk: number): string
  /** Hash: `<id>:<lot>` → what was staged there and when last; the sweep's index of frames. */
  readonly staged: string
  /** Flag: the request is to end before its time. */
  cancel(id: string): string
  /** Hash: what an ingest job carries, its checkpoint, its crash count. */
  ingest(order: string): string
  /** The org id (00D…) that these keys belong to, written once. */
  readonly identity: string
  /** The id of the results store that all processes share, written once. */
  readonly resultsStore: string
  /** Hash: settings that all workers of the org share. */
  readonly settings: string
  /** Held by whichever worker sweeps now. */
  readonly sweeper: string
  /** BullMQ's lock on an active job: holds the token of the worker that owns it. */
  lock(queue: string, jobId: string): string
}

export function orgKeys(org: string): OrgKeys {
  const prefix = `{expunge-${org}}`
  const key = (...parts: (string | number)[]) => [prefix, ...parts].join(':')
  return {
    prefix,
    request: (id) => key('request', id.toLowerCase()),
    requests: key('requests'),
    live: key('live'),
    open: (id) => key('open', id.toLowerCase()),
    ledger: (id) => key('ledger', id.toLowerCase()),
    frames: (id, lot, chunk) => key('frames', id.toLowerCase(), lot, chunk),
    staged: key('staged'),
    cancel: (id) => key('cancel', id.toLowerCase()),
    ingest: (order) => key('ingest', order.toLowerCase()),
    identity: key('identity'),
    resultsStore: key('results-store'),
    settings: key('settings'),
    sweeper: key('sweeper'),
    lock: (queue, jobId) => key(queue, jobId, 'lock'),
  }
}
