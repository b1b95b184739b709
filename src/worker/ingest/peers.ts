import type { IngestOrder } from '../../shared/store/ledger/chunk.ts'

/** The steps that make one changing call to Salesforce, and the step that each leads to. */
const LEADS_TO = { create: 'upload', upload: 'close', close: 'wait' } as const
type SentStep = keyof typeof LEADS_TO

/**
 * Compares the ingest jobs of an org in this process at the same call. An unknown refusal may
 * concern the org or one job: if another job passes, it concerns the job.
 */
export class Peers {
  #turn = 0
  /** By step, object and operation: the last job that passed, and when its call began. */
  readonly #passed = new Map<string, { readonly order: string; readonly turn: number }>()

  /** A logical time that increases with every call. */
  now(): number {
    return ++this.#turn
  }

  /** Records that a job moved on. If it moved to the step that its call leads to, it passed. */
  moved(from: string, to: string, order: IngestOrder, begun: number): void {
    if (isSent(from) && LEADS_TO[from] === to) this.passed(from, order, begun)
  }

  /** @param begun the time before the call */
  passed(step: SentStep, order: IngestOrder, begun: number): void {
    const call = callOf(step, order)
    const last = this.#passed.get(call)
    if (last === undefined || last.turn < begun) {
      this.#passed.set(call, { order: order.order, turn: begun })
    }
  }

  /** Whether another job passed the step with a call that began after this time. */
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
