import { chunkField, type IngestOrder } from '../../../../src/shared/store/ledger/chunk.ts'

/** One step of one worker, at a moment of its own choosing: out of turn, repeated, or too late. */
export type Op =
  | { readonly verb: 'accept' | 'approve' | 'turn-down' | 'finish' | 'cancel' }
  | { readonly verb: 'begin' | 'plan' | 'refuse' | 'grab-plan'; readonly worker: number }
  | { readonly verb: 'expire-plan' }
  | {
      readonly verb: 'grab' | 'take' | 'hand-back' | 'checkpoint' | 'wait' | 'progress' | 'record'
      readonly worker: number
      readonly order: number
    }
  | { readonly verb: 'expire'; readonly order: number }

/**
 * What the ledger is to do, told once more in plain words and without Redis: one request, its
 * orders, and locks that change hands.
 */
export class Model {
  readonly orders: readonly IngestOrder[]
  readonly next: 'deleting' | 'awaiting-approval'
  /** The worker that each job's lock names. */
  readonly #locks = new Map<string, number>()
  readonly #attempts = new Map<number, string>()
  readonly #waiting = new Map<string, { starts: number; isWaiting: boolean }>()
  #lots = 0
  status: string | null = null
  lot: string | null = null
  settledAs: string | null = null
  isCancelled = false
  readonly open = new Map<string, string>()
  /** The chunk's outcome, told by who wrote it. */
  readonly written = new Map<string, number>()

  constructor(orders: readonly IngestOrder[], next: 'deleting' | 'awaiting-approval') {
    this.orders = orders
    this.next = next
  }

  /** The lot under which a worker's planning attempt stages; it need not count any more. */
  lotOf(worker: number): string {
    return this.#attempts.get(worker) ?? 'none'
  }

  nextLot(worker: number): string {
    this.#lots++
    this.#attempts.set(worker, `lot-${this.#lots}`)
    return this.lotOf(worker)
  }

  orderAt(at: number): IngestOrder {
    const order = this.orders[at % this.orders.length]
    if (order === undefined) throw new RangeError('A request needs an order.')
    return order
  }

  /** Applies the step and says what the ledger is to answer. */
  apply(op: Op): unknown {
    switch (op.verb) {
      case 'accept':
        if (this.status !== null) return 'existing'
        this.status = 'queued'
        return 'accepted'
      case 'grab-plan':
        this.#locks.set('plan', op.worker)
        return undefined
      case 'expire-plan':
        this.#locks.delete('plan')
        return undefined
      case 'begin':
        if (this.#locks.get('plan') !== op.worker) return 'lost'
        if (this.status !== 'queued' && this.status !== 'planning') return 'not-due'
        this.status = 'planning'
        this.lot = this.lotOf(op.worker)
        return 'begun'
      case 'plan':
        return this.#plan(op.worker)
      case 'approve':
        if (this.status === null) return 'unknown'
        if (this.status === 'awaiting-approval' && !this.isCancelled) this.status = 'deleting'
        return this.status === 'deleting' ? 'approved' : 'not-waiting'
      case 'refuse':
        return this.#settle(
          'refused',
          this.status === 'planning' && this.lot === this.lotOf(op.worker),
        )
      case 'turn-down':
        return this.#settle('cancelled', this.status === 'awaiting-approval')
      case 'finish':
        return this.#settle('completed', this.status === 'deleting' && this.open.size === 0)
      case 'cancel':
        if (this.status === null) return 'unknown'
        if (this.settledAs !== null) return 'over'
        this.isCancelled = true
        return 'cancelling'
      case 'grab':
        this.#locks.set(this.orderAt(op.order).order, op.worker)
        return undefined
      case 'expire':
        this.#locks.delete(this.orderAt(op.order).order)
        return undefined
      case 'hand-back': {
        const { order } = this.orderAt(op.order)
        const state = this.#waiting.get(order)
        if (state && this.#locks.get(order) === op.worker) state.starts = 0
        return undefined
      }
      case 'take':
      case 'checkpoint':
      case 'wait':
      case 'progress':
      case 'record':
        return this.#work(op.verb, this.orderAt(op.order), op.worker)
      default:
        throw new TypeError(`Unknown step ${JSON.stringify(op satisfies never)}`)
    }
  }

  #plan(worker: number): string {
    if (this.lot === null || this.lot !== this.lotOf(worker)) return 'stale'
    if (this.status !== 'planning') return this.settledAs === 'refused' ? 'stale' : 'ok'
    if (this.#locks.get('plan') !== worker) return 'lost'
    this.status = this.next
    for (const { order, chunks } of this.orders) {
      this.#waiting.set(order, { starts: 0, isWaiting: false })
      for (const chunk of chunks) this.open.set(chunkField(chunk), order)
    }
    return 'ok'
  }

  #settle(status: string, isDue: boolean): string {
    if (this.status === null) return 'unknown'
    if (this.settledAs !== null) return 'already'
    if (!isDue) return 'not-due'
    this.status = status
    this.settledAs = status
    this.isCancelled = false
    this.open.clear()
    this.written.clear()
    if (status === 'cancelled') this.#waiting.clear()
    return 'settled'
  }

  #work(
    verb: 'take' | 'checkpoint' | 'wait' | 'progress' | 'record',
    { order, chunks }: IngestOrder,
    worker: number,
  ): unknown {
    if (this.#locks.get(order) !== worker) return 'lost'
    const state = this.#waiting.get(order)
    if (state === undefined) return 'gone'
    switch (verb) {
      case 'take':
        if (!state.isWaiting) state.starts++
        return { crashes: state.isWaiting ? 0 : state.starts - 1 }
      case 'checkpoint':
      case 'wait':
        state.starts = 1
        state.isWaiting = verb === 'wait'
        return 'ok'
      case 'progress':
        return 'ok'
      case 'record': {
        this.#waiting.delete(order)
        return chunks.map(chunkField).map((field) => {
          const written = this.open.delete(field)
          if (written) this.written.set(field, worker)
          return { written, last: this.open.size === 0 }
        })
      }
      default:
        throw new TypeError(`Unknown verb ${String(verb satisfies never)}`)
    }
  }
}
