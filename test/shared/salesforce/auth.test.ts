import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { jwtVerify } from 'jose'
import { ConfigError } from '../../../src/shared/base/errors.ts'
import type { Credentials } from '../../../src/shared/salesforce/credentials.ts'
import { SalesforceError } from '../../../src/shared/salesforce/errors.ts'
import {
  type Handler,
  JOB,
  JOBS,
  job,
  json,
  received,
  SECRET,
  setup,
  stillClock,
  TOKEN,
} from './fake-salesforce.ts'

const TOKEN_PATH = 'POST /services/oauth2/token'
const getJob: Record<string, Handler> = {
  [`GET ${JOBS}/${JOB}`]: (_, response) => json(response, 200, job()),
}

function jwtCredentials(privateKey: string): Credentials {
  return {
    kind: 'jwt',
    loginUrl: 'http://127.0.0.1:1',
    clientId: 'the-consumer-key',
    username: 'erasure@acme.example',
    privateKey,
    audience: 'https://login.salesforce.com',
  }
}

test('client credentials go as a form, and the token they buy opens the API', async (t) => {
  const { server, salesforce } = await setup(t, getJob)
  await salesforce.ingest.get(JOB)
  const [token, get] = server.seen
  assert.deepEqual(Object.fromEntries(new URLSearchParams(token?.body)), {
    grant_type: 'client_credentials',
    client_id: 'the-consumer-key',
    client_secret: SECRET,
  })
  assert.equal(token?.headers['content-type'], 'application/x-www-form-urlencoded')
  assert.equal(token?.headers.authorization, undefined)
  assert.equal(get?.headers.authorization, 'Bearer 00D5f000004XZjp!AQ4.token1')
})

test('a JWT assertion is signed RS256, for the audience, for three minutes', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  // PKCS#1, as openssl genrsa wrote it for years.
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  const { server, clock } = await setup(t, getJob)
  const credentials = { ...jwtCredentials(pem), loginUrl: server.url }
  const jwt = await setup(t, getJob, { credentials, clock })
  await jwt.salesforce.ingest.get(JOB)
  const form = new URLSearchParams(server.seen[0]?.body)
  assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer')
  const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
    currentDate: new Date(clock.now()),
  })
  assert.equal(protectedHeader.alg, 'RS256')
  assert.deepEqual(payload, {
    iss: 'the-consumer-key',
    sub: 'erasure@acme.example',
    aud: 'https://login.salesforce.com',
    exp: clock.now() / 1000 + 180,
  })
})

test('a key that is none, or no RSA key, is refused before any call, unquoted', async (t) => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const pem = ec.export({ type: 'pkcs8', format: 'pem' }).toString()
  for (const key of ['not a key, but secret', pem]) {
    await assert.rejects(
      setup(t, {}, { credentials: jwtCredentials(key) }),
      (error) =>
        error instanceof ConfigError &&
        error.message.startsWith('SALESFORCE_JWT_KEY_FILE: expected') &&
        !error.message.includes(key.slice(0, 30)),
    )
  }
})

test('the API is called at the instance_url of the token, whatever host logged in', async (t) => {
  const instance = await setup(t, getJob)
  const login = await setup(t, {
    [TOKEN_PATH]: (_, response) =>
      json(response, 200, { access_token: TOKEN(1), instance_url: `${instance.server.url}/` }),
  })
  await login.salesforce.ingest.get(JOB)
  assert.deepEqual(login.server.calls(), [TOKEN_PATH])
  assert.deepEqual(instance.server.calls(), [`GET ${JOBS}/${JOB}`])
})

test('an instance_url in plain http on another host gets no token', async (t) => {
  const { salesforce } = await setup(t, {
    [TOKEN_PATH]: (_, response) =>
      json(response, 200, {
        access_token: TOKEN(1),
        instance_url: 'http://acme.my.salesforce.com',
      }),
  })
  await assert.rejects(salesforce.ingest.get(JOB), ConfigError)
})

test('a refused login is thrown at once, with its code and the advice for it', async (t) => {
  const { salesforce, server, slept } = await setup(t, {
    [TOKEN_PATH]: (_, response) =>
      json(response, 400, {
        error: 'invalid_grant',
        error_description: 'request not supported on this domain',
      }),
  })
  await assert.rejects(
    salesforce.ingest.get(JOB),
    (error) =>
      error instanceof SalesforceError &&
      error.operation === 'token' &&
      error.code === 'invalid_grant' &&
      error.kind === 'org-fault' &&
      error.message.includes('My Domain'),
  )
  assert.deepEqual(server.calls(), [TOKEN_PATH])
  assert.deepEqual(slept, [])
})

test('a login that meets an outage is tried again', async (t) => {
  let tries = 0
  const { salesforce, outcomes } = await setup(t, {
    ...getJob,
    [TOKEN_PATH]: async (request, response) => {
      await received(request)
      tries += 1
      if (tries === 1) return json(response, 503, '')
      if (tries === 2) return void response.destroy()
      json(response, 200, {
        access_token: TOKEN(1),
        instance_url: `http://${request.headers.host}`,
      })
    },
  })
  await salesforce.ingest.get(JOB)
  assert.deepEqual(outcomes(), ['token 503', 'token network', 'token 200', 'get 200'])
})

test('a token endpoint that shows a page or nothing with 200 is tried again, as with 503', async (t) => {
  for (const body of ['<html>Scheduled maintenance</html>', '']) {
    let tries = 0
    const { salesforce, outcomes } = await setup(t, {
      ...getJob,
      [TOKEN_PATH]: async (request, response) => {
        await received(request)
        tries += 1
        if (tries < 3) {
          return void response.writeHead(200, { 'content-type': 'text/html' }).end(body)
        }
        const instance_url = `http://${request.headers.host}`
        json(response, 200, { access_token: TOKEN(1), instance_url })
      },
    })
    await salesforce.ingest.get(JOB)
    assert.deepEqual(outcomes(), ['token 200', 'token 200', 'token 200', 'get 200'])
  }
})

test('a token answer without a token is an error that names the field', async (t) => {
  const { salesforce } = await setup(t, {
    [TOKEN_PATH]: (_, response) => json(response, 200, { instance_url: 'https://a.example' }),
  })
  await assert.rejects(salesforce.ingest.get(JOB), {
    code: 'UNEXPECTED_ANSWER',
    message: /access_token/,
  })
})

test('a given token needs no login, and once refused says what to give instead', async (t) => {
  const { server } = await setup(t, {
    [`GET ${JOBS}/${JOB}`]: (_, response) =>
      json(response, 401, { message: 'Session expired', errorCode: 'INVALID_SESSION_ID' }),
  })
  const { clock } = stillClock()
  const credentials = {
    kind: 'token',
    instanceUrl: server.url,
    accessToken: TOKEN(1),
  } as const
  const { salesforce } = await setup(t, {}, { credentials, clock })
  await assert.rejects(salesforce.ingest.get(JOB), {
    code: 'INVALID_SESSION_ID',
    kind: 'org-fault',
    message: /cannot be refreshed.*SALESFORCE_ACCESS_TOKEN/,
  })
  assert.deepEqual(server.calls(), [`GET ${JOBS}/${JOB}`])
  assert.equal(server.seen[0]?.headers.authorization, 'Bearer 00D5f000004XZjp!AQ4.token1')
})
