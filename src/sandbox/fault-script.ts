import { z } from 'zod'
import { field, strictly } from './parse.ts'

export const RESULT_FILES = ['successfulResults', 'failedResults', 'unprocessedRecords'] as const
export type ResultKind = (typeof RESULT_FILES)[number]

/** The operation of a call; close and abort are distinguished by the state in the PATCH. */
const OPERATIONS = [
  'token',
  'revoke',
  'soapLogin',
  'userinfo',
  'identity',
  'versions',
  'resources',
  'limits',
  'recordCount',
  'query',
  'queryAll',
  'queryMore',
  'queryCreate',
  'queryList',
  'queryGet',
  'queryAbort',
  'queryDelete',
  'queryResults',
  'user',
  'describe',
  'create',
  'upload',
  'close',
  'abort',
  'patch',
  'get',
  'list',
  'delete',
  ...RESULT_FILES,
  'unknown',
] as const
export type Operation = (typeof OPERATIONS)[number]

const MOMENTS = ['before', 'after', 'during'] as const

const CALL_ACTIONS = [
  /** Gives another answer than the call's own; the call is carried out only with `effect`. */
  z.object({
    do: z.literal('answer'),
    status: field.count,
    /**
     * Default `json`: the API's error array. `oauth`: the token endpoint's error object, with
     * `errorCode` and `message`.
     */
    body: field.oneOf(['json', 'oauth', 'html', 'empty']).optional(),
    errorCode: field.text.optional(),
    message: field.text.optional(),
    /** Sent unchanged, instead of `body`. */
    text: field.text.optional(),
    /** Replaces the body's own type; `text` has `text/plain`, and an empty body has none. */
    contentType: field.text.optional(),
    /** Added to those of the body: `{"Retry-After":"7"}`. */
    headers: field.textFields.optional(),
    effect: field.flag.optional(),
    /** For an upload: answers after this many bytes of its body, and disconnects. */
    afterBytes: field.count.optional(),
  }),
  /**
   * Resets the connection. `before`: nothing was read or done. `after`: the call was carried out,
   * but not answered. `during`: after `afterBytes` (default 1) of the answer, or of an upload's
   * body.
   */
  z.object({
    do: z.literal('reset'),
    when: field.oneOf(MOMENTS),
    afterBytes: field.count.optional(),
  }),
  /**
   * Waits `ms`, or until the client gives up: before the call is carried out (default), after it,
   * or `during` its answer, after `afterBytes` (default 1) of the body.
   */
  z.object({
    do: z.literal('stall'),
    ms: field.count.optional(),
    when: field.oneOf(MOMENTS).optional(),
    afterBytes: field.count.optional(),
  }),
  /**
   * Truncates the answer without an error: after this many rows of a result file (default: before
   * its header) and this many bytes more (default 0).
   */
  z.object({
    do: z.literal('truncate'),
    afterRows: field.count.optional(),
    afterBytes: field.count.optional(),
  }),
  /**
   * The call is carried out, and the answer is well-formed but false. In a JSON answer, fields are
   * `set` or left out (`omit`). In a result file, the `header` is replaced, the first `dropRows`
   * rows are missing, or `addRows` follow its own rows, as written here. `job`: the answer is about
   * that job. `file`: the answer is another result file. `status`, `contentType` and `headers`
   * apply to any answer.
   */
  z.object({
    do: z.literal('lie'),
    status: field.count.optional(),
    contentType: field.text.optional(),
    headers: field.textFields.optional(),
    set: field.fields.optional(),
    omit: field.texts.optional(),
    job: field.text.optional(),
    file: field.oneOf(RESULT_FILES).optional(),
    header: field.text.optional(),
    dropRows: field.count.optional(),
    addRows: field.texts.optional(),
  }),
  /** Nothing is done, all connections are closed, and the port refuses connections for `ms`. */
  z.object({ do: z.literal('outage'), ms: field.count }),
  /** All access tokens expire, starting with this call. */
  z.object({ do: z.literal('expireTokens') }),
] as const

const JOB_ACTIONS = [
  /** The job becomes Failed after this many rows (default 0); the rest is unprocessed. */
  z.object({
    do: z.literal('fail'),
    /**
     * The part of `errorMessage` before the colon: `TooManyLockFailure`, `Timeout`, or any other.
     */
    code: field.text,
    /** The part after the colon. Default: an org's message for this code, if known. */
    message: field.text.optional(),
    afterRows: field.count.optional(),
  }),
  /**
   * After this many rows, the job stays InProgress for `ms`, or until it is aborted or the script is
   * removed.
   */
  z.object({
    do: z.literal('hold'),
    ms: field.count.optional(),
    afterRows: field.count.optional(),
  }),
  /** After this many rows, the job and its results are gone: 404. */
  z.object({ do: z.literal('vanish'), afterRows: field.count.optional() }),
] as const

/** Fields that any action may have; an action ignores those it does not use. */
const CALL_FIELDS = [
  ...['do', 'status', 'body', 'errorCode', 'message', 'text', 'contentType', 'effect', 'headers'],
  ...['set', 'omit', 'job', 'file', 'header', 'dropRows', 'addRows'],
  ...['when', 'afterBytes', 'afterRows', 'ms'],
]
const JOB_FIELDS = ['do', 'code', 'message', 'afterRows', 'ms']

const callAction = z.discriminatedUnion('do', CALL_ACTIONS)
const jobAction = z.discriminatedUnion('do', JOB_ACTIONS)

const match = {
  /** Only this job, or calls about it. Otherwise jobs count in the order of their processing. */
  job: field.text.optional(),
  /** Only jobs of this object, or calls that create one or are about one. */
  object: field.text.optional(),
  /** Which of the matches, counted from 1 since the script was added. Default: each. */
  nth: field.counts.optional(),
  /** Maximum number of times. Default: no limit. */
  times: field.count.optional(),
}

/** Changes calls. */
const callFault = z.object({
  on: z.enum([...OPERATIONS, '*']),
  ...match,
  action: strictly(
    CALL_FIELDS,
    z
      .looseObject({ do: field.oneOf(CALL_ACTIONS.map(({ shape }) => shape.do.value)) })
      .pipe(callAction),
  ),
})

/** Ingest jobs, and query jobs. */
const JOBS = ['job', 'queryJob'] as const

/** Changes the processing of jobs. */
const jobFault = z.object({
  on: z.enum(JOBS),
  ...match,
  action: strictly(
    JOB_FIELDS,
    z
      .looseObject({ do: field.oneOf(JOB_ACTIONS.map(({ shape }) => shape.do.value)) })
      .pipe(jobAction),
  ),
})

export const faultScript = strictly(
  ['on', ...Object.keys(match), 'action'],
  z
    .looseObject({ on: field.oneOf([...OPERATIONS, '*', ...JOBS]) })
    .pipe(z.discriminatedUnion('on', [callFault, jobFault])),
)

export type CallFault = z.output<typeof callFault>
export type JobFault = z.output<typeof jobFault>
export type FaultScript = CallFault | JobFault
export type CallAction = z.output<typeof callAction>
export type JobAction = z.output<typeof jobAction>
export type ActionOf<Do extends CallAction['do']> = Extract<CallAction, { do: Do }>
