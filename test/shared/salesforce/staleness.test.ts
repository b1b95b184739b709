import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  errorFromAnswer,
  errorFromContent,
  errorFromNetwork,
} from '../../../src/shared/salesforce/fault.ts'
import type { ApiOperation } from '../../../src/shared/salesforce/operation.ts'
import { type Staleness, stalenessOf } from '../../../src/shared/salesforce/staleness.ts'

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

const CASES: Readonly<Record<string, readonly [error: unknown, Staleness | null]>> = {
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
