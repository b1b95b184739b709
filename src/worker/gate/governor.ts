import type { Logger } from '../../shared/base/logger.ts'
import type { OrgConfig } from '../../shared/config/config.ts'
import type { Quota } from '../../shared/salesforce/transport.ts'
import { heldOrders } from '../../shared/store/booking.ts'
import { type IngestOrder, rowsOf } from '../../shared/store/ledger/chunk.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { LANES, laneOf, type QueueName } from '../../shared/store/queues/queues.ts'
import { costOfJob, type QuotaReserve } from '../../shared/store/quota.ts'

/** An order that may not start yet, and after how many milliseconds it tries again by itself. */
export interface Hold {
  readonly order: IngestOrder
  readonly ms: number
}

/**
 * When an order that was put aside returns by itself. Usually it is called back before that: by a
 * report of more room, or by the start of another order.
 */
const HELD_MS = 5 * 60_000
/** At most one order of an org returns by itself in this time, however many wait. */
const APART_MS = 1000

/** While orders wait, Salesforce is asked this often what is left. */
export const ASK_WAITING_MS = 2 * 60_000

/**
 * Holds new ingest jobs while little is left of the org's daily allowances, so that its other users
 * keep their reserve and no ingest job fails for want of it. Running jobs are never held.
 */
export class QuotaGovernor {
  readonly #store: OrgStore
  readonly #reserve: QuotaReserve
  readonly #log: Logger
  #calls: Quota | null = null
  #isHolding = false

  constructor(store: OrgStore, { calls, batches }: OrgConfig['quotaReserve'], log: Logger) {
    this.#store = store
    this.#reserve = { DailyApiRequests: calls, DailyBulkApiBatches: batches }
    this.#log = log
  }

  /** An answer told how many API calls the org has made. */
  heard(quota: Quota): void {
    this.#calls = quota
  }

  /** How short API calls are: from 0, at twice the reserve, to 1, when none is left. */
  get scarcity(): number {
    if (this.#calls === null || this.#calls.max <= 0) return 0
    const left = 1 - this.#calls.used / this.#calls.max
    const enough = (2 * this.#reserve.DailyApiRequests) / 100
    return enough === 0 ? 0 : Math.min(1, Math.max(0, 1 - left / enough))
  }

  /**
   * The same for an order that nobody has taken, while others wait: until it is taken, those behind
   * it in its request's line stay there. It costs a call more, so only then.
   */
  async admitEarly(name: string): Promise<Hold | null> {
    if (!this.#isHolding) return null
    const found = await this.#store.ledger.ingestOrder(name)
    return found === null || found.taken ? null : this.admit(found.order)
  }

  /**
   * Books what the order's ingest job costs. Returns null if it may start, else how to put it aside.
   */
  async admit(order: IngestOrder): Promise<Hold | null> {
    const { redis, bookings, ledger } = this.#store
    const { priority } = order
    const booked = await bookings.book(this.#entryOf(order))
    if (booked.kind === 'go') {
      const isOver = this.#isHolding && booked.waiting === 0
      if (isOver) this.#log.info('No ingest job waits for quota any more.')
      this.#isHolding = booked.waiting > 0
      if (booked.next !== null) await callBack(this.#store, booked.next)
      return null
    }
    const { limit, waiting } = booked
    if (!this.#isHolding) {
      this.#log.warn(
        { limit, priority },
        'New ingest jobs of this priority wait: the rest of the daily allowance is reserved.',
      )
    }
    this.#isHolding = true
    // Answers of any call tell the API calls; the batches have to be asked for.
    if (limit === 'DailyBulkApiBatches') {
      await redis.pexpire(ledger.keys.quotaTurn, ASK_WAITING_MS, 'LT')
    }
    return { order, ms: Math.max(HELD_MS, waiting * APART_MS) }
  }

  /**
   * Looks again once the job of an order that is held has been delayed: whoever called it back or
   * moved it before that found no delayed job.
   */
  async lookAgain({ order }: Hold, queue: QueueName): Promise<void> {
    const { bookings, queues } = this.#store
    const now = await bookings.lookAgain(this.#entryOf(order), queue === laneOf('high'))
    if (now === 'moved') await (await queues())[queue].remove(order.order)
    if (now === 'go') await callBack(this.#store, order.order)
  }

  #entryOf({ order, priority, chunks }: IngestOrder) {
    return { order, priority, cost: costOfJob(rowsOf({ chunks })), reserve: this.#reserve }
  }

  /** The order's ingest job has ended; `isSpent` if it reached Salesforce. */
  async settle(order: string, isSpent: boolean): Promise<void> {
    const next = await this.#store.bookings.settle(order, isSpent)
    if (next !== null) await callBack(this.#store, next)
  }
}

/** After a report: those that waited longest try again. Each that starts calls back the next. */
const CALLED_BACK = 10

/** Has the first of the orders that wait try again. */
export async function callBackHeld(store: OrgStore): Promise<void> {
  for (const order of await heldOrders(store.redis, store.ledger.keys, CALLED_BACK)) {
    await callBack(store, order)
  }
}

/** An order that has no job any more has ended, or the sweep orders it again: the next one is called. */
async function callBack(store: OrgStore, order: string): Promise<void> {
  for (let next: string | null = order; next !== null; ) {
    if (await wake(store, next)) return
    next = await store.bookings.settle(next, false)
  }
}

/** False if the order has no job. */
async function wake({ queues }: OrgStore, order: string): Promise<boolean> {
  const opened = await queues()
  for (const lane of LANES) {
    const job = await opened[lane].getJob(order)
    if (job === undefined) continue
    // It may have returned meanwhile.
    if (await job.isDelayed()) await job.promote().catch(() => {})
    return true
  }
  return false
}
