import type { Job } from 'bullmq'
import { type Context, endsAllWork, NotOursError } from '../../shared/base/context.ts'
import { addFacts } from '../../shared/base/trace.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import { WrongOrgError } from '../../shared/salesforce/errors.ts'
import { matchedIngest } from '../../shared/salesforce/matched-ingest.ts'
import { type IngestOrder, rowsOf } from '../../shared/store/ledger/chunk.ts'
import type { JobLock } from '../../shared/store/ledger/keys.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { parseIngestJob, type QueueName } from '../../shared/store/queues/queues.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import type { Hold, QuotaGovernor } from '../gate/governor.ts'
import type { OrgGate, Visit } from '../gate/org-gate.ts'
import { handOver, leaveToNewer, putAside } from '../jobs/hand-over.ts'
import type { CollectedChunk, Collector } from './collector.ts'
import { enterLeft, enterOutcome } from './enter-outcome.ts'
import { runIngestJob } from './lifecycle.ts'
import type { Peers } from './peers.ts'
import { endPoisoned, MOST_CRASHES } from './poison.ts'
import { type Checkpoint, type LifecycleDeps, parseCheckpoint } from './step.ts'

interface IngestProcessorDeps {
  readonly store: OrgStore
  readonly metrics: Metrics
  /** What all orders share. */
  readonly collector: Omit<Collector, 'keepDeleted'>
  /** For requests older than the guard rails in the ledger. */
  readonly rails: GuardRails
  readonly gate: OrgGate
  readonly governor: QuotaGovernor
  readonly peers: Peers
  /** Stops all work for the org, because the login now leads to another org. */
  halt(error: WrongOrgError): void
}

/**
 * The BullMQ side of an ingest job: takes the order under the job's lock, hands it over when the
 * worker stops, counts crashes and records the outcome. The life cycle does the work in between.
 */
export async function processIngestJob(
  job: Job,
  token: string,
  queue: QueueName,
  deps: IngestProcessorDeps,
  ctx: Context,
): Promise<void> {
  const data = parseIngestJob(job.data)
  if (data === null) return leaveToNewer(job, token)
  const lock = { queue, jobId: job.id ?? data.order, token }
  try {
    // A closing worker may still receive a job but must not begin it.
    ctx.signal.throwIfAborted()
    const putAsideFor = (hold: Hold) =>
      putAside(job, token, hold.ms, () => deps.governor.lookAgain(hold, queue))
    const early = await deps.governor.admitEarly(data.order)
    if (early !== null) return putAsideFor(early)
    // Before the lock is given up: putting a job aside is not a crash, however often it happens.
    const handBack = () => deps.store.ledger.handBackOrder(data.order, lock)
    await work(data.order, lock, deps, ctx, {
      toNewer: async () => {
        await handBack()
        return leaveToNewer(job, token)
      },
      hold: async (hold) => {
        await handBack()
        await stopFlagged(hold.order, deps.store)
        return putAsideFor(hold)
      },
    })
  } catch (error) {
    if (error instanceof WrongOrgError) deps.halt(error)
    if (endsAllWork(error)) {
      // If the ledger was replaced, it holds nothing of ours to hand back.
      if (deps.store.connection.trouble === null) {
        await deps.store.ledger.handBackOrder(data.order, lock)
      }
      return handOver(job, token)
    }
    if (error instanceof NotOursError) {
      ctx.log.warn(
        { order: data.order },
        'Another worker has taken over this order and continues it.',
      )
    } else {
      await deps.store.ledger.handBackOrder(data.order, lock)
    }
    throw error
  }
}

/** Ways to put an order aside that was taken. */
interface WaysOut {
  readonly toNewer: () => Promise<never>
  readonly hold: (hold: Hold) => Promise<never>
}

async function work(
  name: string,
  lock: JobLock,
  deps: IngestProcessorDeps,
  ctx: Context,
  { toNewer, hold }: WaysOut,
): Promise<void> {
  const { governor } = deps
  const taken = await deps.store.ledger.takeOrder(name, lock)
  switch (taken.kind) {
    case 'gone':
      return
    case 'lost':
      throw new NotOursError('The lock of the job was lost before it began.')
    case 'taken': {
      const { order, crashes, next } = taken
      await deps.store.orders.ingestInTurn(next)
      const checkpoint = parseCheckpoint(taken.checkpoint)
      if (checkpoint === undefined) return toNewer()
      noteOrder(order, checkpoint, deps)
      if (checkpoint.step === 'create' && crashes < MOST_CRASHES) {
        const held = await governor.admit(order)
        if (held !== null) return hold(held)
      }
      const start = { checkpoint, resumed: taken.checkpoint !== null }
      try {
        const results =
          crashes >= MOST_CRASHES
            ? await endPoisoned(order, checkpoint, crashes, deps.collector, ctx)
            : await visitAndRun(order, start, lock, deps, ctx)
        await enterOutcome(order, results, lock, deps, ctx)
        const isSpent = results.some(({ outcome }) => outcome.job !== null)
        return await governor.settle(name, isSpent)
      } catch (error) {
        if (error instanceof NotOursError) await deps.store.ledger.forgiveOrder(name, lock)
        throw error
      }
    }
    default:
      throw new TypeError(`Unknown answer ${JSON.stringify(taken satisfies never)}`)
  }
}

/**
 * Tells those requests again that are to end: while their order was taken, nobody else could end
 * it.
 */
async function stopFlagged({ chunks }: IngestOrder, { ledger, orders }: OrgStore): Promise<void> {
  const requests = [...new Set(chunks.map(({ request }) => request))]
  const stops = await ledger.stopReasons(requests)
  for (const [at, request] of requests.entries()) {
    if (stops[at]) await orders.stop(request)
  }
}

function noteOrder(
  { order, object, operation, chunks }: IngestOrder,
  checkpoint: Checkpoint,
  { store: { org } }: IngestProcessorDeps,
): void {
  const records = rowsOf({ chunks })
  const ingestJob = 'jobId' in checkpoint ? { ingestJob: checkpoint.jobId } : {}
  const requests = chunks.map(({ request }) => request)
  addFacts({ org, requests, object, operation, order, records, ...ingestJob })
}

async function visitAndRun(
  order: IngestOrder,
  start: { readonly checkpoint: Checkpoint; readonly resumed: boolean },
  lock: JobLock,
  deps: IngestProcessorDeps,
  ctx: Context,
): Promise<readonly CollectedChunk[]> {
  const requests = order.chunks.map(({ request }) => request)
  const inHand = new InHand(order)
  await using visit = deps.gate.visit(requests, ctx, async () => {
    inHand.waited = true
    // If a worker dies while the org is paused, these ids did not cause it.
    await deps.store.ledger.handBackOrder(order.order, lock)
  })
  const keepDeleted = await deps.store.ledger.keepsDeleted(requests, deps.rails)
  const own = { ...deps, collector: { ...deps.collector, keepDeleted } }
  return await runIngestJob(order, start, lifecycle(inHand, visit, lock, own, ctx), ctx)
}

type OwnDeps = Pick<IngestProcessorDeps, 'store' | 'metrics' | 'peers' | 'governor'> & {
  readonly collector: Collector
}

/** An order in the hands of this worker, as the ledger has it. */
class InHand {
  order: IngestOrder
  /** It was handed back while it waited at the gate. */
  waited = false

  constructor(order: IngestOrder) {
    this.order = order
  }
}

function lifecycle(
  inHand: InHand,
  visit: Visit,
  lock: JobLock,
  { store, metrics, peers, governor, collector }: OwnDeps,
  ctx: Context,
): LifecycleDeps {
  const { org, ledger } = store
  return {
    api: matchedIngest(collector.api, inHand.order),
    staging: collector.staging,
    collector,
    visit,
    governor,
    peers,
    retake: async () => {
      if (!inHand.waited) return inHand.order
      const taken = await ledger.takeOrder(inHand.order.order, lock)
      if (taken.kind === 'lost') throw new NotOursError('The lock was lost while the job waited.')
      if (taken.kind === 'gone') return null
      await store.orders.ingestInTurn(taken.next)
      inHand.waited = false
      inHand.order = taken.order
      return inHand.order
    },
    leave: async (rest, ended) => {
      await enterLeft(rest, ended, lock, { store, metrics }, ctx)
      inHand.order = rest
    },
    save: async (checkpoint) => {
      const saved = await ledger.saveCheckpoint({
        order: inHand.order.order,
        checkpoint: JSON.stringify(checkpoint),
        lock,
      })
      if (saved !== 'ok') throw new NotOursError(`The checkpoint was not saved: ${saved}.`)
    },
    saveProgress: async (progress) => {
      const saved = await ledger.saveProgress({ order: inHand.order, progress, lock })
      if (saved === 'lost' || saved === 'gone') {
        throw new NotOursError(`Progress was not saved: ${saved}.`)
      }
      return saved === 'suspect'
    },
    metrics,
    labels: { org, object: inHand.order.object },
  }
}
