/**
 * All keys of one org share a hash tag, so that an org is on one shard of a cluster and orgs are
 * distributed. Request ids are lower-cased, because they are unique regardless of case.
 */
export interface OrgKeys {
  readonly org: string
  /** BullMQ's `prefix`. */
  readonly prefix: string
  /** Hash: the request, its status, plan and receipt. */
  request(id: string): string
  /** String: how a request ended; kept longer than its record. */
  tombstone(id: string): string
  /** Sorted set: request ids by submission time. */
  readonly requests: string
  /** Sorted set: ids of live requests, by status and age; the sweep iterates over it. */
  readonly live: string
  /** Hash: `<chunk>.<attempt>` without outcome → the order that carries it. */
  open(id: string): string
  /** Hash: `<chunk>.<attempt>` → its outcome, written once. */
  ledger(id: string): string
  /** List: compressed frames of one chunk (or one upload, chunk 0). */
  frames(id: string, lot: string, chunk: number): string
  /** Hash: `<id>:<lot>` → what was staged there and when last; the sweep's index of frames. */
  readonly staged: string
  /** Flag: the request is to end early. */
  cancel(id: string): string
  /** List: status changes to report to callers. */
  readonly outbox: string
  /** Set: ended requests whose receipt may not yet be in this results store. */
  unfiled(results: string): string
  /** Sorted set: folders of the org in this results store, by due time of removal in seconds. */
  folders(results: string): string
  /** Hash: an operator's pause of the org, and the fault that pauses it. */
  readonly pause: string
  /** Hash: contents of an ingest job, its checkpoint and crash count. */
  ingest(order: string): string
  /** Sorted set: small ingest orders that wait to share a job, by when they joined. */
  gather(group: string): string
  /** Hash: order → its ids, and their sum, for the same group. */
  gatherIds(group: string): string
  /** Sorted set: groups of orders that gather, by when they depart. */
  readonly gathers: string
  /** Sorted set: a request's ingest orders that wait for their turn, by chunk; see `turns.ts`. */
  line(id: string): string
  /** Hash: the turns of all callers in one priority. */
  turns(priority: string): string
  /** Hash: the ledger's generation, and the Salesforce org and results store that it belongs to. */
  readonly identity: string
  /** Hash: settings that all workers of the org share. */
  readonly settings: string
  /**
   * Hash: time bucket → records charged to a caller's budget; '' stands for callers without a key.
   */
  spent(caller: string | null): string
  /** The same for records that were deleted without approval. */
  unapproved(caller: string | null): string
  /** String: what the org said about an object; expires. */
  described(object: string): string
  /** Held by the worker that sweeps in this interval. */
  readonly sweeper: string
  /** Hash: list that is swept over several turns → where the next turn continues. */
  readonly rounds: string
  /** Sorted set: the workers by their last heartbeat. */
  readonly workers: string
  /** Sorted set: requests that a `run` works on, by its last heartbeat. */
  readonly runs: string
  /** Hash: the remaining daily allowances of the org, as last reported. */
  readonly quota: string
  /** Hash: order of an ingest job → what it has booked of them. */
  readonly booked: string
  /** Sorted set: orders that wait until more is left of them, by priority and age. */
  readonly held: string
  /** Set when Salesforce was asked for them; expires when it is time to ask again. */
  readonly quotaTurn: string
  /** BullMQ's lock on an active job: holds the token of the worker that owns it. */
  lock(job: Pick<JobLock, 'queue' | 'jobId'>): string
  /** BullMQ's jobs in one state: a list or a sorted set of job ids. */
  jobs(queue: string, state: 'wait' | 'prioritized' | 'active' | 'delayed'): string
  /** BullMQ's job: a hash. */
  job(queue: string, jobId: string): string
}

/** The BullMQ job that does the work, proven by the token in its lock. */
export interface JobLock {
  readonly queue: string
  readonly jobId: string
  readonly token: string
}

/**
 * Whose records without approval a request counts among. The command line and BullMQ name their user
 * or job (`alice@host`, `bullmq:42`), which nobody verifies: they share the account of callers without
 * a key, so that another name is no new one. A key's name has neither `@` nor `:`. A budget is given
 * together with the name that it belongs to, so each name has its own.
 */
const accountOf = (caller: string | null): string =>
  caller === null || /[@:]/.test(caller) ? '' : caller

export function orgKeys(org: string): OrgKeys {
  const prefix = `{expunge-${org}}`
  const key = (...parts: (string | number)[]) => [prefix, ...parts].join(':')
  return {
    org,
    prefix,
    request: (id) => key('request', id.toLowerCase()),
    tombstone: (id) => key('tombstone', id.toLowerCase()),
    requests: key('requests'),
    live: key('live'),
    open: (id) => key('open', id.toLowerCase()),
    ledger: (id) => key('ledger', id.toLowerCase()),
    frames: (id, lot, chunk) => key('frames', id.toLowerCase(), lot, chunk),
    staged: key('staged'),
    cancel: (id) => key('cancel', id.toLowerCase()),
    outbox: key('outbox'),
    unfiled: (results) => key('unfiled', results),
    folders: (results) => key('folders', results),
    pause: key('pause'),
    ingest: (order) => key('ingest', order.toLowerCase()),
    gather: (group) => key('gather', group),
    gatherIds: (group) => key('gather-ids', group),
    gathers: key('gathers'),
    line: (id) => key('line', id.toLowerCase()),
    turns: (priority) => key('turns', priority),
    identity: key('identity'),
    settings: key('settings'),
    spent: (caller) => key('spent', caller ?? ''),
    unapproved: (caller) => key('unapproved', accountOf(caller)),
    described: (object) => key('described', object),
    sweeper: key('sweeper'),
    rounds: key('rounds'),
    workers: key('workers'),
    runs: key('runs'),
    quota: key('quota'),
    booked: key('booked'),
    held: key('held'),
    quotaTurn: key('quota-turn'),
    lock: ({ queue, jobId }) => key(queue, jobId, 'lock'),
    jobs: (queue, state) => key(queue, state),
    job: (queue, jobId) => key(queue, jobId),
  }
}
