import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultKind } from '../../../src/shared/salesforce/errors.ts'
import { type ApiOperation, OPERATIONS } from '../../../src/shared/salesforce/errors.ts'
import { errorFromAnswer, errorFromNetwork } from '../../../src/shared/salesforce/fault.ts'
import { fc } from '../../helpers/fast-check.ts'

function answer(operation: ApiOperation, status: number, code: string | null, message = '') {
  const text = code === null ? message : JSON.stringify([{ errorCode: code, message }])
  return errorFromAnswer({
    operation,
    status,
    text,
    retryAfterMs: null,
    redirectHost: null,
    secrets: [],
  })
}

const CASES: readonly (readonly [FaultKind, ApiOperation, number, string | null, string?])[] = [
  ['org-fault', 'get', 401, 'INVALID_SESSION_ID', 'Session expired or invalid'],
  ['org-fault', 'create', 403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'],
  ['org-fault', 'create', 400, 'EXCEEDEDQUOTA'],
  ['org-fault', 'create', 400, 'LIMIT_EXCEEDED'],
  ['org-fault', 'create', 403, 'API_DISABLED_FOR_ORG'],
  ['org-fault', 'get', 403, 'TXN_SECURITY_METERING_ERROR'],
  ['org-fault', 'get', 403, null, '<html>Forbidden</html>'],
  ['org-fault', 'get', 406, null, 'We are setting things up'],
  ['org-fault', 'get', 420, null],
  ['org-fault', 'get', 429, null],
  ['org-fault', 'get', 500, 'UNKNOWN_EXCEPTION'],
  ['org-fault', 'get', 500, null],
  ['org-fault', 'upload', 503, 'SERVER_UNAVAILABLE'],
  ['org-fault', 'get', 302, null],
  ['org-fault', 'create', 410, 'UNSUPPORTED_API_VERSION'],
  ['org-fault', 'create', 404, 'NOT_FOUND'],
  ['org-fault', 'get', 404, null, '<html>no such page</html>'],
  ['org-fault', 'token', 400, 'invalid_grant'],
  ['not-found', 'get', 404, 'NOT_FOUND', 'The requested resource does not exist'],
  ['not-found', 'failedResults', 404, 'NOT_FOUND'],
  ['job-state', 'abort', 400, 'INVALIDJOBSTATE', 'Aborting already Completed Job not allowed'],
  ['job-state', 'close', 400, 'INVALIDJOB'],
  ['job-state', 'remove', 400, 'API_ERROR', 'Error … because the job is not terminated'],
  ['already-uploaded', 'upload', 400, 'API_ERROR', 'Found multiple contents for job: 750x'],
  ['refused', 'create', 400, 'INVALIDENTITY', "Entity 'X' is not supported by the Bulk API."],
  ['refused', 'create', 400, 'FEATURENOTENABLED'],
  ['refused', 'create', 400, 'InvalidEntity'],
  ['refused', 'create', 400, 'INVALID_TYPE', "sObject type 'FlowRecord' is not supported."],
  ['refused', 'create', 400, 'API_ERROR', 'Entity X does not support hardDelete'],
  ['refused', 'create', 403, 'INSUFFICIENT_ACCESS', 'insufficient access rights on object id'],
  ['refused', 'create', 400, 'INVALIDENTITY', "Entity 'Lock' is not supported by the Bulk API."],
  ['job-state', 'abort', 400, 'INVALIDJOBSTATE', 'The job timed out, try again with another.'],
  ['org-fault', 'create', 400, 'JSON_PARSER_ERROR'],
  ['org-fault', 'create', 400, 'SOMETHING_NEW'],
  ['org-fault', 'create', 400, 'INVALIDJOB'],
  ['org-fault', 'create', 400, null, '<h1>Bad Message 400</h1>'],
  ['org-fault', 'create', 403, 'INSUFFICIENT_ACCESS'],
  ['org-fault', 'create', 403, 'INVALID_OPERATION_WITH_EXPIRED_PASSWORD'],
  ['org-fault', 'create', 413, null],
  ['org-fault', 'create', 405, 'METHOD_NOT_ALLOWED'],
  ['org-fault', 'upload', 400, 'SOMETHING_NEW'],
  ['org-fault', 'upload', 403, 'SOMETHING_NEW'],
  ['org-fault', 'close', 400, 'SOMETHING_NEW'],
  ['org-fault', 'get', 403, 'SOMETHING_NEW'],
  ['org-fault', 'get', 400, 'api_disabled_for_org'],
  ['org-fault', 'get', 400, 'API_ERROR', 'The job is locked, try again.'],
  ['not-found', 'get', 403, 'INVALIDUSER'],
  ['unexpected', 'get', 400, 'SOMETHING_NEW'],
  ['unexpected', 'organization', 403, 'INSUFFICIENT_ACCESS'],
  ['too-large', 'upload', 413, null],
  ['too-large', 'upload', 400, 'EXCEEDED_MAX_SIZE_REQUEST'],
  ['unexpected', 'get', 405, 'METHOD_NOT_ALLOWED'],
]

for (const [kind, operation, status, code, message] of CASES) {
  test(`${status} ${code ?? message ?? 'without body'} on ${operation} is ${kind}`, () => {
    const error = answer(operation, status, code, message)
    assert.equal(error.kind, kind)
    assert.equal(error.retryable, kind === 'org-fault')
    assert.equal(error.code, code ?? `HTTP_${status}`)
    assert.match(error.message, new RegExp(`^Salesforce answered ${operation} with ${status}`))
  })
}

test('messages end with what to do next', () => {
  for (const [error, advice] of [
    [answer('create', 400, 'INVALIDENTITY', 'no'), /feature licensed\.$/],
    [answer('create', 403, 'REQUEST_LIMIT_EXCEEDED', 'no'), /used up: wait\.$/],
    [answer('upload', 413, null), /Lower EXPUNGE_MAX_JOB_BYTES\.$/],
    [
      answer('token', 400, 'invalid_grant', 'request not supported on this domain'),
      /SALESFORCE_LOGIN_URL to the My Domain host/,
    ],
    [answer('token', 400, 'invalid_client', 'invalid client credentials'), /client secret\.$/],
    [answer('token', 400, 'invalid_grant', 'authentication failure'), /Check the credentials/],
    [answer('token', 503, null), /Wait and try again/],
  ] as const) {
    assert.match(error.message, advice)
  }
})

test('an org without the API is not told of hard deletes', () => {
  const text = JSON.stringify([
    { errorCode: 'FEATURENOTENABLED', message: 'Async api not enabled' },
  ])
  const rest = { retryAfterMs: null, redirectHost: null, secrets: [] }
  const { message } = errorFromAnswer({ operation: 'create', status: 400, text, ...rest })
  assert.match(message, /API Enabled permission/)
  assert.doesNotMatch(message, /Hard Delete/)
})

test('a certificate that nobody vouches for is not worth another try, a reset is', () => {
  const broken = (code: string) => errorFromNetwork('get', 'h', { code, text: 'x', status: null })
  assert.equal(broken('ECONNRESET').transient, true)
  assert.equal(broken('SELF_SIGNED_CERT_IN_CHAIN').transient, false)
  assert.match(broken('SELF_SIGNED_CERT_IN_CHAIN').message, /NODE_EXTRA_CA_CERTS/)
})

test('a lock passes within seconds, a user who is locked out does not', () => {
  for (const message of ['The record is locked.', 'Temporarily unavailable', 'Please try again']) {
    assert.equal(answer('create', 400, 'API_ERROR', message).transient, true, message)
  }
  for (const message of ['The user is locked out.', 'Your organization is locked', 'No.']) {
    assert.equal(answer('create', 400, 'API_ERROR', message).transient, false, message)
  }
})

test('a page says that something else than the API answered, whatever the status', () => {
  for (const status of [400, 403, 404, 500, 503]) {
    assert.equal(answer('get', status, null, ' <html>No.</html>').interposed, true, `${status}`)
    assert.equal(answer('get', status, 'NOT_FOUND').interposed, false, `${status}`)
  }
})

test('a certificate that is of another name, or out of date, has advice of its own', () => {
  const broken = (code: string) =>
    errorFromNetwork('get', 'h', { code, text: 'x', status: null }).message
  assert.match(broken('ERR_TLS_CERT_ALTNAME_INVALID'), /may have moved.*SALESFORCE_LOGIN_URL/)
  for (const code of ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']) {
    assert.match(broken(code), /this machine's clock/)
    assert.doesNotMatch(broken(code), /NODE_EXTRA_CA_CERTS/)
  }
})

test('every status and body on every operation has a kind, and what is retryable is an org fault', () => {
  const statuses = fc.integer({ min: 300, max: 599 })
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.string().map((code) => `[{"errorCode":${JSON.stringify(code)}}]`),
  )
  fc.assert(
    fc.property(fc.constantFrom(...OPERATIONS), statuses, body, (operation, status, text) => {
      const from = { operation, status, text, retryAfterMs: null, redirectHost: null, secrets: [] }
      const error = errorFromAnswer(from)
      assert.equal(error.retryable, error.kind === 'org-fault')
      assert.ok(!error.transient || error.retryable)
      assert.ok(error.message.length < 800)
    }),
  )
})
