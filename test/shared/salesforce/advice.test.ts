import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorFromAnswer, errorFromContent } from '../../../src/shared/salesforce/fault.ts'
import { judge } from '../../../src/worker/ingest/judge.ts'

const RENEWAL = 'Set the new secret.'

function refusal(status: number, error: string | null, error_description: string) {
  const text = error === null ? error_description : JSON.stringify({ error, error_description })
  return errorFromAnswer({
    ...{ operation: 'token', status, text, retryAfterMs: null, redirectHost: null, secrets: [] },
    renewal: RENEWAL,
  })
}

/** OAuth's code, its description, what the advice speaks of; whether a new secret is a way out. */
const REFUSALS: readonly (readonly [string, string, RegExp, isSecret?: boolean])[] = [
  ['invalid_grant', 'ip restricted', /login IP ranges/],
  ['invalid_grant', 'ip restricted or invalid login hours', /login IP ranges.*login hours/],
  ['invalid_grant', 'invalid login hours', /login hours/],
  ['invalid_grant', 'inactive user', /Activate or unfreeze/],
  ['inactive_user', 'user is inactive', /Activate or unfreeze/],
  ['invalid_grant', 'user is locked', /Unlock the user/],
  ['invalid_grant', 'user account is locked out', /Unlock the user/],
  ['inactive_org', 'organization is inactive', /ask its owner or Salesforce/],
  ['invalid_grant', 'organization locked', /ask its owner or Salesforce/],
  ['org_locked', '', /ask its owner or Salesforce/],
  ['invalid_grant', 'password expired', /Reset the password/],
  ['invalid_grant', 'The password has expired', /Reset the password/],
  ['invalid_app_access', 'user is not admin approved to access this app', /Assign the app/],
  ['OAUTH_APP_BLOCKED', 'this app is blocked by admin', /Unblock the app/],
  ['invalid_grant', "user hasn't approved this consumer", /Pre-approve the user/],
  ['invalid_grant', 'no client credentials user enabled', /run-as user/],
  ['invalid_grant', 'request not supported on this domain', /My Domain host/],
  ['unsupported_grant_type', 'grant type not supported', /Enable the OAuth flow/],
  ['unauthorized_client', '', /Enable the OAuth flow/],
  ['invalid_grant', 'audience is invalid', /SALESFORCE_JWT_AUDIENCE/],
  ['invalid_grant', 'Audience validation failed', /SALESFORCE_JWT_AUDIENCE/],
  ['invalid_grant', 'invalid assertion: audience mismatch', /SALESFORCE_JWT_AUDIENCE/],
  ['invalid_grant', 'expired authorization code', /clock/],
  ['OAUTH_EC_APP_NOT_FOUND', 'External client app is not installed in this org', /belongs to this/],
  ['invalid_grant', 'multi-factor authentication required', /multi-factor/],
  ['invalid_scope', 'no valid scopes defined', /scope `api`/],
  ['invalid_client_id', 'client identifier invalid', /SALESFORCE_CLIENT_ID/],
  ['something_new', 'nobody knows it', /Login History/],
  ['invalid_grant', 'nobody knows it', /Login History/],
  ['invalid_client', 'invalid client credentials', /consumer key and the client secret/, true],
  ['invalid_grant', 'authentication failure', /Check the credentials/, true],
  ['invalid_grant', 'invalid signature', /certificate of the private key/, true],
  ['invalid_grant', 'invalid assertion', /private key of the JWT login/, true],
]

describe('a refused login', () => {
  for (const [code, description, advice, isSecret = false] of REFUSALS) {
    test(`by ${code} (${description || 'no description'}) says what to do${isSecret ? ', a new secret too' : ', and nothing of a secret'}`, () => {
      for (const status of [400, 401, 403]) {
        const error = refusal(status, code, description)
        assert.match(error.message, advice)
        assert.equal(error.message.includes(RENEWAL), isSecret)
        assert.deepEqual([error.kind, error.transient], ['org-fault', false])
        const judgement = judge(error)
        assert.ok(judgement.kind === 'org-fault')
        assert.deepEqual([judgement.pause, judgement.atOnce], ['login', true])
      }
    })
  }

  for (const [code, description, advice] of [
    ['invalid_grant', 'login rate exceeded', /logged in too often/],
    ['rate_limit_exceeded', '', /logged in too often/],
    ['invalid_grant', 'session quota exceeded: concurrent sessions', /too many sessions/],
  ] as const) {
    test(`by ${code} (${description || 'no description'}) is waited out for minutes, and holds all`, () => {
      const error = refusal(400, code, description)
      assert.match(error.message, advice)
      assert.ok(!error.message.includes(RENEWAL))
      assert.deepEqual([error.transient, error.retryAfterMs], [true, 300_000])
      const judgement = judge(error)
      assert.ok(judgement.kind === 'org-fault')
      assert.deepEqual([judgement.pause, judgement.atOnce], ['rate', true])
    })
  }

  test('that asks to be repeated is, within the call', () => {
    const error = refusal(400, 'unknown_error', 'retry your request')
    assert.deepEqual([error.transient, error.retryAfterMs], [true, null])
  })
})

describe('a token endpoint that answers in no form of OAuth', () => {
  for (const status of [500, 502, 503, 504, 520, 522, 529, 420, 429]) {
    test(`is waited out with ${status}`, () => {
      for (const body of ['', '<html><h1>Maintenance</h1></html>', 'upstream away']) {
        const error = refusal(status, null, body)
        assert.equal(error.transient, true)
        assert.ok(!/secret|credentials/i.test(error.message), error.message)
      }
    })
  }

  test('with 4xx is somebody in between', () => {
    for (const status of [400, 403, 404]) {
      const error = refusal(status, null, '<html><h1>Access denied</h1></html>')
      assert.equal(error.transient, false)
      assert.match(error.message, /SALESFORCE_LOGIN_URL, and what lies between/)
      assert.ok(!error.message.includes(RENEWAL))
    }
  })

  test('that redirects names the setting', () => {
    assert.match(refusal(302, null, '').message, /set the My Domain host/)
  })
})

test('an answer of the API keeps its own advice, however its code is spelt', () => {
  for (const [code, advice] of [
    ['ORG_LOCKED', /ask its owner/],
    ['OrgLocked', /ask its owner/],
    ['INVALID_OPERATION_WITH_EXPIRED_PASSWORD', /Reset the password/],
    ['ExceededQuota', /daily allowance of bulk batches/],
    ['TXN_SECURITY_NO_ACCESS', /policies of the app and the org/],
  ] as const) {
    const text = JSON.stringify([{ errorCode: code, message: 'No.' }])
    const rest = { retryAfterMs: null, redirectHost: null, secrets: [] }
    assert.match(errorFromAnswer({ operation: 'get', status: 403, text, ...rest }).message, advice)
  }
  const content = { kind: 'org-fault', code: 'NOT_JSON', text: 'a page' } as const
  assert.match(errorFromContent('token', 200, content).message, /Wait and try again/)
})
