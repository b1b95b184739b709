import type { Job } from './job.ts'

/** What a call is for; close and abort are told apart by the state that the PATCH asks for. */
export const OPERATIONS = [
  'token',
  'revoke',
  'userinfo',
  'versions',
  'limits',
  'query',
  'user',
  'create',
  'upload',
  'close',
  'abort',
  'patch',
  'get',
  'list',
  'delete',
  'successfulResults',
  'failedResults',
  'unprocessedRecords',
  'unknown',
] as const
export type Operation = (typeof OPERATIONS)[number]

/** Spoils calls. */
export interface CallFault {
  readonly on: Operation | '*'
  /** Only calls about this job. */
  readonly job?: string | undefined
  /** Which of the calls that match, counted from 1 since the script was added. Default: each. */
  readonly nth?: number | readonly number[] | undefined
  /** At most so often. Default: no limit. */
  readonly times?: number | undefined
  readonly action: CallAction
}

export type CallAction =
  | {
      /** Another answer than the call deserves; the call itself is carried out only with `effect`. */
      readonly do: 'answer'
      readonly status: number
      /** Default `json`: the API's error array. */
      readonly body?: 'json' | 'html' | 'empty' | undefined
      readonly errorCode?: string | undefined
      readonly message?: string | undefined
      /** Sent as it is, instead of `body`. */
      readonly text?: string | undefined
      readonly contentType?: string | undefined
      readonly effect?: boolean | undefined
    }
  | {
      /**
       * Resets the connection. `before`: nothing was read or done. `after`: the call was carried
       * out, no answer. `during`: after `afterBytes` (default 1) of the answer, of an upload's body.
       */
      readonly do: 'reset'
      readonly when: 'before' | 'after' | 'during'
      readonly afterBytes?: number | undefined
    }
  | {
      /** Waits `ms`, or until the client gives up, before or after the call is carried out. */
      readonly do: 'stall'
      readonly ms?: number | undefined
      readonly when?: 'before' | 'after' | undefined
    }
  /** All access tokens expire; this call is the first to learn it. */
  | { readonly do: 'expireTokens' }

/** Spoils the processing of jobs. */
export interface JobFault {
  readonly on: 'job'
  /** Only this job. Otherwise jobs count in the order in which their processing begins. */
  readonly job?: string | undefined
  readonly nth?: number | readonly number[] | undefined
  readonly times?: number | undefined
  readonly action: JobAction
}

export const JOB_FAILURES = [
  'TooManyLockFailure',
  'Timeout',
  'ExceededQuota',
  'ClientInputError',
  'InvalidBatch',
  'Unknown',
] as const

export type JobAction =
  | {
      /** The job becomes Failed after so many rows (default 0); the rest is unprocessed. */
      readonly do: 'fail'
      readonly code: (typeof JOB_FAILURES)[number]
      readonly message?: string | undefined
      readonly afterRows?: number | undefined
    }
  | {
      /** The job stays InProgress for `ms`, or until it is aborted, after so many rows. */
      readonly do: 'hold'
      readonly ms?: number | undefined
      readonly afterRows?: number | undefined
    }
  /** After so many rows, the job and its results are gone: 404. */
  | { readonly do: 'vanish'; readonly afterRows?: number | undefined }

export type FaultScript = CallFault | JobFault

/** A script at work; `seen` and `fired` go on counting. */
export interface Fault {
  readonly id: string
  readonly script: FaultScript
  /** Calls or jobs that matched, and how many of them it spoiled. */
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

  /** False where no such script is at work. */
  remove(id: string): boolean {
    return this.#live.delete(id)
  }

  clear(): void {
    this.#live.clear()
  }

  list(): Fault[] {
    return [...this.#live.values()].map((live) => ({ ...live }))
  }

  /** What shall happen to this call: the first script that fires; all that match count it. */
  forCall(operation: Operation, jobId: string | undefined): CallAction | undefined {
    let action: CallAction | undefined
    for (const live of this.#live.values()) {
      const { script } = live
      if (script.on === 'job' || (script.on !== '*' && script.on !== operation)) continue
      if (isAbout(script, jobId) && isDue(live, action === undefined)) action = script.action
    }
    return action
  }

  /** What shall happen to this job, in the order of the rows at which it happens. */
  forJob(job: Job): JobAction[] {
    const actions: JobAction[] = []
    for (const live of this.#live.values()) {
      const { script } = live
      if (script.on !== 'job') continue
      if (isAbout(script, job.id) && isDue(live, true)) actions.push(script.action)
    }
    return actions.sort((a, b) => (a.afterRows ?? 0) - (b.afterRows ?? 0))
  }
}

const isAbout = (script: FaultScript, jobId: string | undefined) =>
  script.job === undefined || script.job.slice(0, 15) === jobId?.slice(0, 15)

/** Counts a match; true where the script fires on it. */
function isDue(live: Live, mayFire: boolean): boolean {
  const { nth, times } = live.script
  live.seen++
  if (!mayFire || live.fired >= (times ?? Number.POSITIVE_INFINITY)) return false
  if (nth !== undefined && ![nth].flat().includes(live.seen)) return false
  live.fired++
  return true
}
