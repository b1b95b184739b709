import { z } from 'zod'
import { groupCommit } from '../base/group-commit.ts'
import { count } from '../contract/receipt.ts'
import type { StopReason } from './ledger/decisions.ts'
import type { OrgKeys } from './ledger/keys.ts'
import type { Ledger } from './ledger/ledger.ts'
import { PAUSE_REASONS, type PauseState, pauseState } from './ledger/pause.ts'
import type { RequestRecord } from './ledger/record.ts'
import type { OrgStore } from './org-store.ts'
import { placesOf, placesSchema, readLines } from './places.ts'
import { whoIsAtWork } from './presence.ts'
import { quotaHoldOf, quotaSchema } from './quota-hold.ts'
import type { RedisClient } from './redis/redis.ts'

/** Why nothing happens to a request, and what ends that. */

const moment = z.iso.datetime()

export const waitingSchema = z.discriminatedUnion('reason', [
  z.object({
    reason: z.literal('approval').describe('Its plan waits until somebody approves it.'),
  }),
  z.object({
    reason: z.literal('no-worker').describe('No worker is running for the org.'),
  }),
  z.object({
    reason: z.literal('paused').describe('An operator has paused the org.'),
    since: moment,
    abort: z.boolean().describe('Whether running ingest jobs are aborted, too.'),
  }),
  z.object({
    reason: z.literal('fault').describe('The org cannot be used; workers try again by themselves.'),
    fault: z.enum(PAUSE_REASONS),
    message: z.string().describe('What the org or the network reported, and what to do about it.'),
    failures: count.describe('Failed attempts in a row.'),
    since: moment,
    nextTryAt: moment,
  }),
  z.object({
    reason: z
      .literal('gathering')
      .describe('It is small and waits for others to share an ingest job with.'),
    until: moment.describe('When it is sent at the latest.'),
  }),
  placesSchema,
  quotaSchema,
])
export type Waiting = Readonly<z.output<typeof waitingSchema>>

/** The facts of an org on which it depends whether its requests move. */
export interface OrgState extends Awaited<ReturnType<typeof whoIsAtWork>> {
  readonly pause: PauseState
  readonly lines: Awaited<ReturnType<typeof readLines>>
}

interface Origin {
  readonly redis: RedisClient
  readonly ledger: Pick<Ledger, 'keys'>
}

/**
 * A few small commands, none of which iterates over requests or jobs. Calls made in one turn of the
 * event loop share them: with a read for each of 50 requests submitted at once, a submission took 225 µs
 * of processor time instead of 130.
 */
export function readOrgState(origin: Origin): Promise<OrgState> {
  const { keys } = origin.ledger
  const read = readers.get(keys) ?? groupCommit<Origin, OrgState>(Infinity, readForAll)
  readers.set(keys, read)
  return read(origin)
}

/** By the keys of an opened store. */
const readers = new WeakMap<OrgKeys, (origin: Origin) => Promise<OrgState>>()

async function readForAll(origins: readonly Origin[]): Promise<readonly OrgState[]> {
  const [{ redis, ledger } = {}] = origins
  if (redis === undefined || ledger === undefined) return []
  const { keys } = ledger
  const [atWork, pause, lines] = await Promise.all([
    whoIsAtWork(redis, keys),
    pauseState(redis, keys),
    readLines(redis, keys),
  ])
  return origins.map(() => ({ ...atWork, pause, lines }))
}

/**
 * All that holds a request now or at its next step, in the order in which it has to end.
 *
 * @param own what `ownWaiting` tells of it
 */
export function waitingOf(
  { request, status, receipt }: Pick<RequestRecord, 'request' | 'status' | 'receipt'>,
  stopping: StopReason | null,
  state: OrgState,
  own: Waiting | null,
): readonly Waiting[] {
  if (receipt !== null) return []
  const isStopping = stopping !== null
  if (status === 'awaiting-approval' && !isStopping) return [{ reason: 'approval' }]
  const isRun = state.runs.has(request.id.toLowerCase())
  const held = orgWaiting({ ...state, workers: state.workers + (isRun ? 1 : 0) })
  // An operator's pause stops nothing from being cancelled.
  if (isStopping) return held.filter(({ reason }) => reason !== 'paused')
  if (own === null || (state.workers === 0 && !isRun)) return held
  // A run has places of its own, but the org's allowances.
  return isRun && own.reason !== 'quota' ? held : [...held, own]
}

/**
 * What holds this request, apart from its org; null if nothing does. A few small commands.
 *
 * @param orders ingest orders of its open chunks
 */
export async function ownWaiting(
  store: Pick<OrgStore, 'redis' | 'ledger'>,
  record: Pick<RequestRecord, 'request' | 'status' | 'plan'>,
  orders: readonly string[],
  { lines }: Pick<OrgState, 'lines'>,
): Promise<Waiting | null> {
  const { redis, ledger } = store
  const { request, status, plan } = record
  const [order] = orders
  if (status === 'deleting' && request.coalesce && plan?.chunks === 1 && order !== undefined) {
    const until = await ledger.gathersUntil(request, order)
    if (until !== null) return { reason: 'gathering', until: new Date(until).toISOString() }
  }
  const places = await placesOf({ redis, keys: ledger.keys }, record, orders, lines)
  return places ?? (await quotaHoldOf(store, request.priority, orders))
}

/** What holds every request of an org. */
export function orgWaiting({
  workers,
  pause,
}: Pick<OrgState, 'workers' | 'pause'>): readonly Waiting[] {
  return [...(workers > 0 ? [] : [{ reason: 'no-worker' } as const]), ...pauses(pause)]
}

/** The same of its pauses alone. */
export function pauses({ operator, fault }: PauseState): readonly Waiting[] {
  const time = (ms: number) => new Date(ms).toISOString()
  const held: Waiting[] = []
  if (operator !== null) {
    held.push({ reason: 'paused', abort: operator.abort, since: time(operator.since) })
  }
  if (fault !== null) {
    const { reason, message, failures, since, until } = fault
    held.push({
      ...{ reason: 'fault', fault: reason, message, failures },
      ...{ since: time(since), nextTryAt: time(until) },
    })
  }
  return held
}
