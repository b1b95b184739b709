import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiOperation } from '../../../src/shared/salesforce/errors.ts'
import { SalesforceError } from '../../../src/shared/salesforce/errors.ts'
import {
  errorFromAnswer,
  errorFromContent,
  errorFromNetwork,
} from '../../../src/shared/salesforce/fault.ts'
import {
  outageDelay,
  retryDelay,
  retrying,
  stalenessOf,
} from '../../../src/shared/salesforce/retry.ts'
import { stillClock } from './fake-salesforce.ts'

function fault(over: { transient?: boolean; retryAfterMs?: number | null } = {}) {
  return new SalesforceError(
    {
      kind: 'org-fault',
      code: 'HTTP_503',
      operation: 'get',
      httpStatus: 503,
      transient: true,
      retryAfterMs: null,
      ...over,
    },
    'no',
  )
}

test('waits double from half a second and end after the fourth try', () => {
  const at = (random: number) => [1, 2, 3, 4].map((tries) => retryDelay(fault(), tries, random))
  assert.deepEqual(at(1), [500, 1000, 2000, undefined])
  assert.deepEqual(at(0), [250, 500, 1000, undefined])
})

test('Retry-After rules while it is short, and ends the tries where it is long', () => {
  assert.equal(retryDelay(fault({ retryAfterMs: 2000 }), 1), 2000)
  assert.equal(retryDelay(fault({ retryAfterMs: 0 }), 1), 0)
  // Nobody hears of a cancelled request here: a longer wait is the caller's.
  for (const retryAfterMs of [2001, 3_600_000]) {
    assert.equal(retryDelay(fault({ retryAfterMs }), 1), undefined)
  }
})

test('a lasting fault is thrown at once', async () => {
  const { clock, slept } = stillClock()
  const error = fault({ transient: false })
  await assert.rejects(
    retrying(clock, undefined, () => Promise.reject(error)),
    error,
  )
  assert.deepEqual(slept, [])
})

test('an abort ends the wait between two tries', async () => {
  const stop = new AbortController()
  const { clock } = stillClock()
  const reason = new Error('told to stop')
  const call = () => {
    stop.abort(reason)
    return Promise.reject(fault())
  }
  await assert.rejects(retrying(clock, stop.signal, call), reason)
})

test('waits between whole tries double from half a second to five minutes', () => {
  const failures = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
  assert.deepEqual(
    failures.map((count) => outageDelay(count, 0.5)),
    [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000],
  )
  assert.equal(outageDelay(1, 0), 450)
  assert.equal(outageDelay(1, 1), 550)
})

const PAGE = '<html><h1>Hello</h1></html>'

function answer(status: number, said: string, operation: ApiOperation = 'get') {
  const text = said.startsWith('<')
    ? said
    : JSON.stringify([{ errorCode: said, message: 'Of some kind.' }])
  const rest = { retryAfterMs: null, redirectHost: null, secrets: [] }
  return errorFromAnswer({ operation, status, text: said === '' ? '' : text, ...rest })
}

const broken = (code: string, operation: ApiOperation = 'get') =>
  errorFromNetwork(operation, 'host', { code, text: 'It broke.', status: null })

const CASES: Readonly<Record<string, readonly [error: unknown, ReturnType<typeof stalenessOf>]>> = {
  '401': [answer(401, ''), 'refused'],
  'INVALID_SESSION_ID with 401': [answer(401, 'INVALID_SESSION_ID'), 'refused'],
  'INVALID_SESSION_ID with 403': [answer(403, 'INVALID_SESSION_ID', 'create'), 'refused'],
  'INVALID_SESSION_ID with 500': [answer(500, 'INVALID_SESSION_ID'), 'refused'],
  'InvalidSessionId with 400': [answer(400, 'InvalidSessionId', 'close'), 'refused'],
  'Bad_OAuth_Token with 403': [answer(403, 'Bad_OAuth_Token', 'userinfo'), 'refused'],
  ...Object.fromEntries(
    [301, 302, 303, 307, 308, 406, 410, 420].map((status) => [
      `${status}`,
      [answer(status, ''), 'doubtful'] as const,
    ]),
  ),
  'a page with 200': [
    errorFromContent('get', 200, { kind: 'org-fault', code: 'NOT_JSON', text: 'a page' }),
    'doubtful',
  ],
  'a page with 403': [answer(403, PAGE), 'doubtful'],
  'a page with 404': [answer(404, PAGE), 'doubtful'],
  'a page with 503': [answer(503, PAGE), 'doubtful'],
  'no API at the host': [answer(404, 'NOT_FOUND', 'create'), 'doubtful'],
  ...Object.fromEntries(
    ['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'ERR_TLS_CERT_ALTNAME_INVALID', 'EPROTO'].map(
      (code) => [code, [broken(code), 'doubtful'] as const],
    ),
  ),
  'a job that is not there': [answer(404, 'NOT_FOUND'), null],
  'a version that is no longer served': [answer(410, 'UNSUPPORTED_API_VERSION'), null],
  'an empty 503': [answer(503, ''), null],
  '429': [answer(429, ''), null],
  'the last call of the day': [answer(403, 'REQUEST_LIMIT_EXCEEDED'), null],
  'an object that has no Bulk API': [answer(400, 'INVALIDENTITY', 'create'), null],
  'a login that breaks off': [broken('ECONNREFUSED', 'token'), null],
  'a login that redirects': [answer(302, '', 'token'), null],
  'anything else': [new Error('No space left on device.'), null],
}

for (const [title, [error, staleness]] of Object.entries(CASES)) {
  test(`${title}: ${staleness ?? 'says nothing of the access'}`, () => {
    assert.equal(stalenessOf(error), staleness)
  })
}
