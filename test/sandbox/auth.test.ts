import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { setup } from './client.ts'
import { bearer, jwt, publicKey } from './jwt.ts'

const TOKEN = '/services/oauth2/token'

const CLAIMS = {
  iss: 'sandbox-client',
  sub: 'integration@sandbox.example',
  aud: 'https://login.salesforce.com',
  exp: Math.floor(Date.now() / 1_000) + 120,
}

test('client credentials in the form are answered with a token and no lifetime', async (t) => {
  const { sandbox, client } = await setup(t)
  const { status, json } = await client.form(TOKEN, {
    grant_type: 'client_credentials',
    client_id: sandbox.clientId,
    client_secret: sandbox.clientSecret,
  })
  assert.equal(status, 200)
  assert.match(json.access_token, /^00D[0-9A-Za-z]{12}!/)
  assert.equal(json.instance_url, sandbox.url)
  assert.equal(json.token_type, 'Bearer')
  assert.match(json.issued_at, /^\d{13}$/)
  assert.match(json.id, new RegExp(`/id/${sandbox.orgId}/005`))
  assert.equal('expires_in' in json, false)
})

test('client credentials in a Basic header are as good', async (t) => {
  const { client } = await setup(t)
  const basic = Buffer.from('sandbox-client:sandbox-secret').toString('base64')
  const answer = await client.form(
    TOKEN,
    { grant_type: 'client_credentials' },
    { Authorization: `Basic ${basic}` },
  )
  assert.equal(answer.status, 200)
})

test('a refused token request is 400 with one object', async (t) => {
  const { client } = await setup(t)
  const ask = async (fields: Record<string, string>) => {
    const { status, json } = await client.form(TOKEN, fields)
    assert.equal(status, 400)
    return json
  }
  const credentials = { client_id: 'sandbox-client', client_secret: 'sandbox-secret' }
  const grant = { grant_type: 'client_credentials' }
  assert.deepEqual(await ask({ ...grant, ...credentials, client_id: 'x' }), {
    error: 'invalid_client_id',
    error_description: 'client identifier invalid',
  })
  assert.deepEqual(await ask({ ...grant, ...credentials, client_secret: 'x' }), {
    error: 'invalid_client',
    error_description: 'invalid client credentials',
  })
  assert.deepEqual(await ask(credentials), {
    error: 'invalid_request',
    error_description: 'grant type is missing',
  })
  assert.equal((await ask({ grant_type: 'device' })).error, 'unsupported_grant_type')
})

test('logins by password are refused as orgs refuse them, over OAuth and SOAP', async (t) => {
  const { client } = await setup(t)
  const fields = { grant_type: 'password', client_id: 'sandbox-client', username: 'u' }
  const { status, json } = await client.form(TOKEN, fields)
  assert.deepEqual(
    [status, json.error, json.error_description],
    [400, 'invalid_grant', 'authentication failure'],
  )
  for (const path of ['/services/Soap/u/59.0', '/services/Soap/c/61.0/00D5f0000000001']) {
    const headers = { 'Content-Type': 'text/xml', SOAPAction: 'login' }
    const soap = await client.fetch(path, { method: 'POST', headers, body: '<env:Envelope/>' })
    assert.deepEqual(
      [soap.status, soap.headers.get('content-type')],
      [500, 'text/xml;charset=UTF-8'],
    )
    assert.match(soap.text, /<sf:exceptionCode>INVALID_OPERATION<.*SOAP API login\(\) is disabled/)
  }
})

test('a JWT bearer assertion is checked claim by claim', async (t) => {
  const { sandbox, client } = await setup(t)
  const ask = async (claims: object, head?: object) => {
    const { status, json } = await client.form(TOKEN, bearer(jwt(claims, head)))
    return status === 200 ? 'granted' : json.error_description
  }
  const now = Math.floor(Date.now() / 1_000)
  assert.equal(await ask(CLAIMS), 'granted')
  assert.equal(await ask({ ...CLAIMS, aud: 'https://test.salesforce.com' }), 'granted')
  assert.equal(await ask({ ...CLAIMS, aud: 'https://example.com' }), 'audience is invalid')
  assert.equal(await ask({ ...CLAIMS, exp: now - 1 }), 'expired authorization code')
  assert.equal(await ask({ ...CLAIMS, exp: now + 400 }), 'expired authorization code')
  assert.equal(await ask({ ...CLAIMS, exp: 'soon' }), 'expired authorization code')
  assert.equal(await ask({ ...CLAIMS, exp: String(now - 1) }), 'expired authorization code')
  assert.equal(await ask({ ...CLAIMS, exp: (now + 400) * 1_000 }), 'expired authorization code')
  assert.equal(await ask({ ...CLAIMS, exp: (now - 400) * 1_000 }), 'expired authorization code')
  assert.equal(await ask({ ...CLAIMS, exp: String(now + 180) }), 'granted')
  assert.equal(await ask({ ...CLAIMS, exp: now * 1_000 + 300 }), 'granted')
  assert.equal(await ask({ ...CLAIMS, aud: sandbox.url }), 'granted')
  assert.equal(await ask({ ...CLAIMS, aud: `${sandbox.url}/` }), 'granted')
  assert.equal(await ask({ ...CLAIMS, iss: 'other' }), 'client identifier invalid')
  assert.equal(await ask({ ...CLAIMS, sub: '' }), "user hasn't approved this consumer")
  assert.equal(await ask(CLAIMS, { alg: 'none' }), 'invalid assertion')
})

test('the key of assertions is rotated', async (t) => {
  const { sandbox, client } = await setup(t, { jwtPublicKey: publicKey })
  const status = async () => (await client.form(TOKEN, bearer(jwt(CLAIMS)))).status
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
  assert.equal(await status(), 200)
  sandbox.setCredentials({ jwtPublicKey: other.publicKey })
  assert.equal(await status(), 400)
  sandbox.setCredentials({ jwtPublicKey: publicKey })
  assert.equal(await status(), 200)
})

test('an assertion is as old as the clock that was handed in says', async (t) => {
  let now = Date.now()
  const { client } = await setup(t, { now: () => now })
  const status = async () => (await client.form(TOKEN, bearer(jwt(CLAIMS)))).status
  assert.equal(await status(), 200)
  now += 3_600_000
  assert.equal(await status(), 400)
})

test('a configured public key makes the signature count', async (t) => {
  const { client } = await setup(t, { jwtPublicKey: publicKey })
  const good = jwt(CLAIMS)
  const [head, , signature] = good.split('.')
  const body = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'other@example.com' }))
  const forged = `${head}.${body.toString('base64url')}.${signature}`
  assert.equal((await client.form(TOKEN, bearer(good))).status, 200)
  assert.equal((await client.form(TOKEN, bearer(forged))).status, 400)
})

test('a refresh token gives an access token and no new refresh token', async (t) => {
  const { client } = await setup(t)
  const ask = (refresh_token: string) =>
    client.form(TOKEN, { grant_type: 'refresh_token', client_id: 'sandbox-client', refresh_token })
  const { status, json } = await ask('sandbox-refresh')
  assert.equal(status, 200)
  assert.equal('refresh_token' in json, false)
  assert.equal((await ask('x')).json.error_description, 'expired access/refresh token')
})

test('a missing, foreign, revoked or expired token is 401, and a new one helps', async (t) => {
  const { sandbox, client } = await setup(t)
  const limits = async () => (await client.rest('GET', '/limits')).status
  assert.equal(await limits(), 200)
  await client.form('/services/oauth2/revoke', { token: client.token })
  assert.equal(await limits(), 401)
  await client.login()
  assert.equal(await limits(), 200)
  sandbox.expireTokens()
  const expired = await client.rest('GET', '/limits')
  assert.equal(expired.status, 401)
  assert.deepEqual(expired.json, [
    { errorCode: 'INVALID_SESSION_ID', message: 'Session expired or invalid' },
  ])
  client.token = 'x'
  assert.equal(await limits(), 401)
})

test('a token ends with its lifetime', async (t) => {
  const { client } = await setup(t, { tokenLifetimeMs: 0 })
  assert.equal((await client.rest('GET', '/limits')).status, 401)
})

test('a token is as good under the older scheme, OAuth', async (t) => {
  const { client } = await setup(t)
  const limits = (Authorization: string) =>
    client.rest('GET', '/limits', undefined, { Authorization })
  assert.equal((await limits(`OAuth ${client.token}`)).status, 200)
  assert.equal((await limits(`Basic ${client.token}`)).status, 401)
})

test('the id of a token answer leads to the identity of the user', async (t) => {
  const { sandbox, client } = await setup(t, { username: 'me@example.com' })
  const { json: login } = await client.form(TOKEN, {
    grant_type: 'client_credentials',
    client_id: sandbox.clientId,
    client_secret: sandbox.clientSecret,
  })
  const path = login.id.slice(sandbox.url.length)
  const headers = { Authorization: `Bearer ${client.token}` }
  const { json } = await client.fetch(path, { headers })
  assert.deepEqual([json.id, json.organization_id], [login.id, sandbox.orgId])
  assert.deepEqual([json.username, json.active], ['me@example.com', true])
  const foreign = await client.fetch(path.replace('/005', '/006'), { headers })
  assert.equal(foreign.status, 404)
  const asked = await client.fetch(`${path}?format=json&oauth_token=${client.token}`, {})
  assert.equal(asked.json.user_id, json.user_id)
})

test('the identity service refuses with 403 and one word, and tells no app with the scope api', async (t) => {
  const { client } = await setup(t, { scope: 'api' })
  for (const path of ['/services/oauth2/userinfo', '/id/00D5f0000000001EAA/0055f0000000001AAA']) {
    const ask = async (headers: Record<string, string>) => {
      const { status, text } = await client.fetch(path, { headers })
      return `${status} ${text}`
    }
    assert.equal(await ask({}), '403 Missing_OAuth_Token')
    assert.equal(await ask({ Authorization: 'Bearer x' }), '403 Bad_OAuth_Token')
    assert.equal(await ask({ Authorization: `Bearer ${client.token}` }), '403 Missing_Scope')
  }
  assert.equal((await client.rest('GET', '/limits')).status, 200)
})

test('userinfo names user and org', async (t) => {
  const { sandbox, client } = await setup(t, { username: 'me@example.com' })
  const headers = { Authorization: `Bearer ${client.token}` }
  const { json } = await client.fetch('/services/oauth2/userinfo', { headers })
  assert.equal(json.organization_id, sandbox.orgId)
  assert.match(json.user_id, /^005.{15}$/)
  assert.equal(json.preferred_username, 'me@example.com')
})
