import type { IngestOrder } from '../../shared/store/ledger/chunk.ts'

/** The steps that each make one call that changes something in Salesforce, and where that leads. */
const LEADS_TO = { create: 'upload', upload: 'close', close: 'wait' } as const
type SentStep = keyof typeof LEADS_TO

/**
 * How the ingest jobs that an org has at work in this process fare at the same call. A refusal that
 * is not known may be about the org or about one job: where another job passes, it is about the job.
 */
export class Peers {
  #turn = 0
  /** By step, object and operation: the last job that passed, and when its call began. */
  readonly #passed = new Map<string, { readonly order: string; readonly turn: number }>()

  /** A moment: what begins later has a higher number. */
  now(): number {
    return ++this.#turn
  }

  /** A job went on from one step to another: where that is what the call of the step leads to, it passed. */
  moved(from: string, to: string, order: IngestOrder, begun: number): void {
    if (isSent(from) && LEADS_TO[from] === to) this.passed(from, order, begun)
  }

  /** @param begun the moment before the call */
  passed(step: SentStep, order: IngestOrder, begun: number): void {
    const call = callOf(step, order)
    const last = this.#passed.get(call)
    if (last === undefined || last.turn < begun) {
      this.#passed.set(call, { order: order.order, turn: begun })
    }
  }

  /** Whether another job has passed the step with a call that began after that moment. */
  havePassed(step: string, order: IngestOrder, since: number): boolean {
    const last = this.#passed.get(callOf(step, order))
    return last !== undefined && last.order !== order.order && last.turn > since
  }
}

function isSent(step: string): step is SentStep {
  return Object.hasOwn(LEADS_TO, step)
}

function callOf(step: string, { object, operation }: IngestOrder): string {
  return `${step} ${operation} ${object}`
}
