/** What a call is for; close and abort are told apart by the state that the PATCH asks for. */
export const OPERATIONS = [
  'token',
  'revoke',
  'soapLogin',
  'userinfo',
  'identity',
  'versions',
  'resources',
  'limits',
  'query',
  'queryAll',
  'queryJob',
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

export const RESULT_FILES = ['successfulResults', 'failedResults', 'unprocessedRecords'] as const

/** Spoils calls. */
export interface CallFault {
  readonly on: Operation | '*'
  /** Only calls about this job. */
  readonly job?: string | undefined
  /** Only calls that create a job of this object, or are about one. */
  readonly object?: string | undefined
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
      /**
       * Default `json`: the API's error array. `oauth`: the token endpoint's error object, of
       * `errorCode` and `message`.
       */
      readonly body?: 'json' | 'oauth' | 'html' | 'empty' | undefined
      readonly errorCode?: string | undefined
      readonly message?: string | undefined
      /** Sent as it is, instead of `body`. */
      readonly text?: string | undefined
      /** Instead of the body's own; `text` is `text/plain`, and an empty body has none. */
      readonly contentType?: string | undefined
      /** Beside those of the body: `{"Retry-After":"7"}`. */
      readonly headers?: Readonly<Record<string, string>> | undefined
      readonly effect?: boolean | undefined
      /** Of an upload: answers once so many bytes of its body came, and hangs up. */
      readonly afterBytes?: number | undefined
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
      /**
       * Waits `ms`, or until the client gives up: before the call is carried out (default), after
       * it, or `during` its answer, after `afterBytes` (default 1) of the body.
       */
      readonly do: 'stall'
      readonly ms?: number | undefined
      readonly when?: 'before' | 'after' | 'during' | undefined
      readonly afterBytes?: number | undefined
    }
  | {
      /**
       * The answer ends as if that were all: after so many rows of a result file (default: before
       * its header) and so many bytes more (default 0).
       */
      readonly do: 'truncate'
      readonly afterRows?: number | undefined
      readonly afterBytes?: number | undefined
    }
  | {
      /** Nothing is done, all connections are cut, and nobody listens on the port for `ms`. */
      readonly do: 'outage'
      readonly ms: number
    }
  | {
      /**
       * The call is carried out, and the answer is well-formed and not so. Of a JSON answer fields
       * are `set` or left out (`omit`); of a result file the `header` is another, the first
       * `dropRows` rows are missing, or `addRows` come after its own, as they are written here.
       * `job`: what is told is of that job. `file`: what is told is another result file. `status`,
       * `contentType` and `headers` belong to whatever is told.
       */
      readonly do: 'lie'
      readonly status?: number | undefined
      readonly contentType?: string | undefined
      readonly headers?: Readonly<Record<string, string>> | undefined
      readonly set?: Readonly<Record<string, unknown>> | undefined
      readonly omit?: readonly string[] | undefined
      readonly job?: string | undefined
      readonly file?: (typeof RESULT_FILES)[number] | undefined
      readonly header?: string | undefined
      readonly dropRows?: number | undefined
      readonly addRows?: readonly string[] | undefined
    }
  /** All access tokens expire; this call is the first to learn it. */
  | { readonly do: 'expireTokens' }

/** Spoils the processing of jobs. */
export interface JobFault {
  readonly on: 'job'
  /** Only this job. Otherwise jobs count in the order in which their processing begins. */
  readonly job?: string | undefined
  /** Only jobs of this object. */
  readonly object?: string | undefined
  readonly nth?: number | readonly number[] | undefined
  readonly times?: number | undefined
  readonly action: JobAction
}

export type JobAction =
  | {
      /** The job becomes Failed after so many rows (default 0); the rest is unprocessed. */
      readonly do: 'fail'
      /** Before the colon of `errorMessage`: `TooManyLockFailure`, `Timeout`, or any other. */
      readonly code: string
      /** After the colon. Default: what an org says under this code, where that is known. */
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
