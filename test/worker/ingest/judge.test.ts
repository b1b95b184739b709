import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NotOursError } from '../../../src/shared/base/context.ts'
import { ResultsStoreError } from '../../../src/shared/results/results-store.ts'
import type { ApiOperation } from '../../../src/shared/salesforce/errors.ts'
import { type SalesforceError, WrongOrgError } from '../../../src/shared/salesforce/errors.ts'
import { errorFromAnswer, errorFromNetwork } from '../../../src/shared/salesforce/fault.ts'
import type { PauseReason } from '../../../src/shared/store/ledger/pause.ts'
import { judge } from '../../../src/worker/ingest/judge.ts'

function answer(operation: ApiOperation, status: number, errorCode?: string): SalesforceError {
  const text = errorCode === undefined ? '' : JSON.stringify([{ errorCode, message: 'No.' }])
  const rest = { retryAfterMs: null, redirectHost: null, secrets: [] }
  return errorFromAnswer({ operation, status, text, ...rest })
}

const broken = (operation: ApiOperation) =>
  errorFromNetwork(operation, 'host', { code: 'ECONNRESET', text: 'reset', status: null })

/** What a fault of the org says of all its jobs, and whether one such answer is enough to say so. */
const FAULTS: Readonly<Record<string, readonly [SalesforceError, PauseReason, boolean]>> = {
  'a login that is refused': [answer('token', 400, 'invalid_client'), 'login', true],
  'a login that meets an outage': [answer('token', 503), 'outage', false],
  'a login that breaks off': [broken('token'), 'outage', false],
  'an expired token at an upload': [answer('upload', 401, 'INVALID_SESSION_ID'), 'login', false],
  'an address that is not allowed': [answer('get', 403), 'login', false],
  'an org whose API is off': [answer('get', 403, 'API_DISABLED_FOR_ORG'), 'login', false],
  'a broken connection': [broken('close'), 'outage', false],
  'an unavailable server': [answer('get', 503, 'SERVER_UNAVAILABLE'), 'outage', false],
  'too many calls at once': [answer('create', 429), 'rate', true],
  'a limit that one call may have met': [answer('create', 400, 'LIMIT_EXCEEDED'), 'rate', false],
  'the last call of the day': [answer('get', 403, 'REQUEST_LIMIT_EXCEEDED'), 'request-limit', true],
  'the last batch of the day': [answer('create', 400, 'EXCEEDEDQUOTA'), 'quota', true],
  'an org that is read-only': [
    answer('close', 400, 'INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE'),
    'maintenance',
    true,
  ],
}

describe('a fault of the org is', () => {
  for (const [title, [error, pause, atOnce]] of Object.entries(FAULTS)) {
    test(`${title}: ${pause}${atOnce ? ', at once' : ''}`, () => {
      const judgement = judge(error)
      assert.ok(judgement.kind === 'org-fault')
      assert.equal(judgement.pause, pause)
      assert.equal(judgement.atOnce, atOnce)
    })
  }
})

test('what Retry-After asks for is passed on', () => {
  const rest = { text: '', redirectHost: null, secrets: [] }
  const error = errorFromAnswer({ operation: 'get', status: 503, retryAfterMs: 7000, ...rest })
  assert.equal(judge(error).afterMs, 7000)
})

test("a wait that is too long for one call is the whole org's at once", () => {
  const asking = (operation: ApiOperation, status: number, retryAfterMs: number, text = '') =>
    judge(
      errorFromAnswer({
        ...{ operation, status, text, retryAfterMs, redirectHost: null, secrets: [] },
      }),
    )
  for (const operation of ['create', 'upload', 'close', 'get', 'token'] as const) {
    const judgement = asking(operation, 503, 3_600_000)
    assert.ok(judgement.kind === 'org-fault')
    assert.deepEqual([judgement.atOnce, judgement.afterMs], [true, 3_600_000])
  }
  // An answer about one job holds nobody else, so neither does its wait.
  const odd = asking('get', 400, 3_600_000, '[{"errorCode":"SOMETHING_NEW"}]')
  assert.deepEqual([odd.kind, odd.afterMs], ['unexpected', 10_000])
})

test('an answer about the job is no fault of the org', () => {
  assert.equal(judge(answer('close', 400, 'INVALIDJOBSTATE')).kind, 'unexpected')
  assert.equal(judge(answer('create', 400, 'INVALIDENTITY')).kind, 'hopeless')
  assert.equal(judge(new Error('No space left on device.')).kind, 'internal')
  const { kind, reason } = judge(new ResultsStoreError('The results bucket cannot be used now.'))
  assert.deepEqual([kind, reason], ['internal', 'results'])
})

test('a lost lock and a login to another org end everything', () => {
  for (const error of [new NotOursError('Lost.'), new WrongOrgError('00D1', '00D2')]) {
    assert.throws(() => judge(error), error)
  }
})
