import {
  type CallAction,
  type FaultScript,
  type JobAction,
  OPERATIONS,
  RESULT_FILES,
} from './fault-script.ts'
import { Fields } from './fields.ts'

const TARGETS = [...OPERATIONS, '*', 'job'] as const

/** One fault script as it comes over the control surface; errors name the field. */
export function parseFaultScript(value: unknown): FaultScript {
  const fields = new Fields(value, 'fault', ['on', 'job', 'object', 'nth', 'times', 'action'])
  const on = fields.required('on', fields.oneOf('on', TARGETS))
  const match = {
    job: fields.string('job'),
    object: fields.string('object'),
    nth: fields.numbers('nth'),
    times: fields.number('times'),
  }
  const action = fields.raw('action')
  return on === 'job'
    ? { on, ...match, action: parseJobAction(action) }
    : { on, ...match, action: parseCallAction(action) }
}

const CALL_ACTIONS = [
  'answer',
  'reset',
  'stall',
  'truncate',
  'lie',
  'outage',
  'expireTokens',
] as const
const JOB_ACTIONS = ['fail', 'hold', 'vanish'] as const
const ANSWER = [
  'do',
  'status',
  'body',
  'errorCode',
  'message',
  'text',
  'contentType',
  'effect',
  'headers',
]
const LIE = ['set', 'omit', 'job', 'file', 'header', 'dropRows', 'addRows']
const CALL_FIELDS = [...ANSWER, ...LIE, 'when', 'afterBytes', 'afterRows', 'ms']

function parseCallAction(value: unknown): CallAction {
  const fields = new Fields(value, 'fault.action', CALL_FIELDS)
  const what = fields.required('do', fields.oneOf('do', CALL_ACTIONS))
  switch (what) {
    case 'answer':
      return {
        do: 'answer',
        status: fields.required('status', fields.number('status')),
        body: fields.oneOf('body', ['json', 'oauth', 'html', 'empty']),
        errorCode: fields.string('errorCode'),
        message: fields.string('message'),
        text: fields.string('text'),
        contentType: fields.string('contentType'),
        headers: fields.texts('headers'),
        effect: fields.boolean('effect'),
        afterBytes: fields.number('afterBytes'),
      }
    case 'reset':
      return {
        do: 'reset',
        when: fields.required('when', fields.oneOf('when', ['before', 'after', 'during'])),
        afterBytes: fields.number('afterBytes'),
      }
    case 'stall':
      return {
        do: 'stall',
        ms: fields.number('ms'),
        when: fields.oneOf('when', ['before', 'after', 'during']),
        afterBytes: fields.number('afterBytes'),
      }
    case 'truncate':
      return {
        do: 'truncate',
        afterRows: fields.number('afterRows'),
        afterBytes: fields.number('afterBytes'),
      }
    case 'lie':
      return {
        do: 'lie',
        status: fields.number('status'),
        contentType: fields.string('contentType'),
        headers: fields.texts('headers'),
        set: fields.object('set'),
        omit: fields.strings('omit'),
        job: fields.string('job'),
        file: fields.oneOf('file', RESULT_FILES),
        header: fields.string('header'),
        dropRows: fields.number('dropRows'),
        addRows: fields.strings('addRows'),
      }
    case 'outage':
      return { do: 'outage', ms: fields.required('ms', fields.number('ms')) }
    case 'expireTokens':
      return { do: 'expireTokens' }
    default:
      throw new TypeError(`Unknown action ${JSON.stringify(what satisfies never)}`)
  }
}

function parseJobAction(value: unknown): JobAction {
  const known = ['do', 'code', 'message', 'afterRows', 'ms']
  const fields = new Fields(value, 'fault.action', known)
  const what = fields.required('do', fields.oneOf('do', JOB_ACTIONS))
  const afterRows = fields.number('afterRows')
  switch (what) {
    case 'fail':
      return {
        do: 'fail',
        code: fields.required('code', fields.string('code')),
        message: fields.string('message'),
        afterRows,
      }
    case 'hold':
      return { do: 'hold', ms: fields.number('ms'), afterRows }
    case 'vanish':
      return { do: 'vanish', afterRows }
    default:
      throw new TypeError(`Unknown action ${JSON.stringify(what satisfies never)}`)
  }
}
