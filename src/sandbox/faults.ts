import type { CallAction, FaultScript, JobAction, JobFault, Operation } from './fault-script.ts'

/** An active script; `seen` and `fired` keep counting. */
export interface Fault {
  readonly id: string
  readonly script: FaultScript
  /** Number of calls or jobs that matched, and on how many of them it fired. */
  readonly seen: number
  readonly fired: number
}

interface Live {
  readonly id: string
  readonly script: FaultScript
  seen: number
  fired: number
}

/** The fault scripts of one sandbox; they may change at any time. */
export class Faults {
  readonly #live = new Map<string, Live>()
  #number = 0

  add(script: FaultScript): Fault {
    this.#number++
    const live = { id: `fault-${this.#number}`, script, seen: 0, fired: 0 }
    this.#live.set(live.id, live)
    return live
  }

  /** False if no such script is active. The jobs that it holds go on. */
  remove(id: string): boolean {
    return this.#live.delete(id)
  }

  clear(): void {
    this.#live.clear()
  }

  /** Whether the script with this very action is still active. */
  isActive(action: JobAction): boolean {
    return [...this.#live.values()].some(({ script }) => script.action === action)
  }

  list(): Fault[] {
    return [...this.#live.values()].map((live) => ({ ...live }))
  }

  /**
   * The action for this call: that of the first script that fires; all matching scripts count it.
   */
  forCall(operation: Operation, subject: Subject): CallAction | undefined {
    let action: CallAction | undefined
    for (const live of this.#live.values()) {
      const { script } = live
      if (script.on === 'job' || script.on === 'queryJob') continue
      if (script.on !== '*' && script.on !== operation) continue
      if (isAbout(script, subject) && isDue(live, action === undefined)) action = script.action
    }
    return action
  }

  /** The actions for this job, in the order of the rows at which they apply. */
  forJob(kind: JobFault['on'], subject: Subject): JobAction[] {
    const actions: JobAction[] = []
    for (const live of this.#live.values()) {
      const { script } = live
      if (script.on === 'job' || script.on === 'queryJob') {
        if (script.on === kind && isAbout(script, subject) && isDue(live, true))
          actions.push(script.action)
      }
    }
    return actions.sort((a, b) => (a.afterRows ?? 0) - (b.afterRows ?? 0))
  }
}

/** What a call or a fault is about, as far as known. */
export interface Subject {
  readonly job: string | undefined
  readonly object: string | undefined
}

const isAbout = (script: FaultScript, { job, object }: Subject) =>
  (script.job === undefined || script.job.slice(0, 15) === job?.slice(0, 15)) &&
  (script.object === undefined || script.object === object)

/** Counts a match; true if the script fires on it. */
function isDue(live: Live, mayFire: boolean): boolean {
  const { nth, times } = live.script
  live.seen++
  if (!mayFire || live.fired >= (times ?? Number.POSITIVE_INFINITY)) return false
  if (nth !== undefined && ![nth].flat().includes(live.seen)) return false
  live.fired++
  return true
}
