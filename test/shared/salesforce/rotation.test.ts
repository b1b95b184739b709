import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { jwtVerify } from 'jose'
import type { Credentials } from '../../../src/shared/salesforce/credentials.ts'
import { secretFrom } from '../../../src/shared/salesforce/credentials.ts'
import { WrongOrgError } from '../../../src/shared/salesforce/errors.ts'
import {
  EXPIRED,
  fileOf,
  type Handler,
  JOB,
  JOBS,
  job,
  json,
  received,
  setup,
  stillClock,
} from './fake-salesforce.ts'

const TOKEN_PATH = 'POST /services/oauth2/token'
const GET = `GET ${JOBS}/${JOB}`

/** Lets in whoever shows the secret of the hour, with a token that opens the API until it changes. */
function org() {
  const state = { secret: 'first', issued: 0 }
  const routes: Record<string, Handler> = {
    [TOKEN_PATH]: async (request, response) => {
      await received(request)
      const form = new URLSearchParams(request.seen.body)
      if (form.get('client_secret') !== state.secret) {
        const error_description = 'invalid client credentials'
        return json(response, 400, { error: 'invalid_client', error_description })
      }
      state.issued += 1
      const instance_url = `http://${request.headers.host}`
      json(response, 200, { access_token: `00D5f000004XZjp!of-${state.secret}`, instance_url })
    },
    [GET]: (request, response) =>
      request.headers.authorization === `Bearer 00D5f000004XZjp!of-${state.secret}`
        ? json(response, 200, job())
        : json(response, 401, EXPIRED),
  }
  return { state, routes }
}

async function clientOf(t: TestContext, file?: { path: string; setting: string }) {
  const { state, routes } = org()
  const { server } = await setup(t, routes)
  const { salesforce } = await setup(t, routes, {
    credentials: {
      kind: 'client-credentials',
      loginUrl: server.url,
      clientId: 'the-consumer-key',
      clientSecret: 'first',
      secretFile: file,
    },
  })
  return { state, get: () => salesforce.ingest.get(JOB) }
}

test('a secret that was rotated in its file is taken up by the next login', async (t) => {
  const file = await fileOf(t, 'first\n')
  const { state, get } = await clientOf(t, file)
  await get()
  state.secret = 'second'
  await assert.rejects(get(), {
    kind: 'org-fault',
    code: 'invalid_client',
    message: /Write the new secret to the file of SALESFORCE_CLIENT_SECRET_FILE: it is read again/,
  })
  await writeFile(file.path, 'second\n')
  await get()
  assert.equal(state.issued, 2)
})

test('a file that is gone or empty leaves the last secret good, and is named once it is refused', async (t) => {
  const file = await fileOf(t, 'first\n')
  const { state, get } = await clientOf(t, file)
  await rm(file.path)
  await get()
  state.secret = 'second'
  await assert.rejects(get(), { message: /cannot be read \(ENOENT\); the last secret known/ })
  await writeFile(file.path, '')
  await assert.rejects(get(), { message: /holds nothing that could be used; the last secret/ })
})

test('a secret that came in a variable, once refused, says how to give another', async (t) => {
  const { state, get } = await clientOf(t)
  state.secret = 'second'
  await assert.rejects(get(), {
    kind: 'org-fault',
    message: /set SALESFORCE_CLIENT_SECRET and start again/,
  })
})

test('an outage of the login says nothing of secrets', async (t) => {
  const { salesforce } = await setup(t, {
    [TOKEN_PATH]: (_, response) => json(response, 503, ''),
  })
  await assert.rejects(
    salesforce.ingest.get(JOB),
    (error) => error instanceof Error && !error.message.includes('secret'),
  )
})

test('a rotated JWT key signs from the next login on, a half-written one never', async (t) => {
  const [old, fresh] = [keys(), keys()]
  const path = await fileOf(t, pemOf(old))
  const signed: string[] = []
  let now = Date.UTC(2026, 0, 2)
  const clock = { ...stillClock().clock, now: () => now }
  const { server } = await setup(t, {
    [TOKEN_PATH]: async (request, response) => {
      await received(request)
      signed.push(new URLSearchParams(request.seen.body).get('assertion') ?? '')
      const instance_url = `http://${request.headers.host}`
      json(response, 200, { access_token: `00D5f000004XZjp!of-${signed.length}`, instance_url })
    },
    [GET]: (request, response) =>
      request.headers.authorization === 'Bearer 00D5f000004XZjp!of-3'
        ? json(response, 200, job())
        : json(response, 401, EXPIRED),
  })
  const { salesforce } = await setup(
    t,
    {},
    {
      clock,
      credentials: {
        kind: 'jwt',
        loginUrl: server.url,
        clientId: 'the-consumer-key',
        username: 'erasure@acme.example',
        privateKey: pemOf(old),
        audience: 'https://login.salesforce.com',
        secretFile: path,
      },
    },
  )
  await writeFile(path.path, pemOf(fresh).slice(0, 200))
  await assert.rejects(salesforce.ingest.get(JOB), { code: 'INVALID_SESSION_ID' })
  await writeFile(path.path, pemOf(fresh))
  // A token that is refused as soon as it is given is not asked for again at once.
  now += 10_000
  await salesforce.ingest.get(JOB)
  const at = { currentDate: new Date(now) }
  await jwtVerify(signed[1] ?? '', old.publicKey, at)
  await jwtVerify(signed[2] ?? '', fresh.publicKey, at)
})

test('a token is replaced in its file; the one that was refused is not shown again', async (t) => {
  const file = await fileOf(t, '00D5f000004XZjp!first.token')
  const { server } = await setup(t, {
    [GET]: (request, response) =>
      request.headers.authorization === 'Bearer 00D5f000004XZjp!second.token'
        ? json(response, 200, job())
        : json(response, 401, EXPIRED),
  })
  const credentials: Credentials = {
    kind: 'token',
    instanceUrl: server.url,
    accessToken: '00D5f000004XZjp!first.token',
    secretFile: { ...file, setting: 'SALESFORCE_ACCESS_TOKEN_FILE' },
  }
  const { salesforce } = await setup(t, {}, { credentials })
  await assert.rejects(salesforce.ingest.get(JOB), {
    kind: 'org-fault',
    message: /cannot be refreshed\. Write the new secret to the file of SALESFORCE_ACCESS_TOKEN/,
  })
  assert.equal(server.seen.length, 1)
  await writeFile(file.path, '00D5f000004XZjp!second.token\n')
  await salesforce.ingest.get(JOB)
})

test('a token of another org in the same file is refused before anything is sent with it', async (t) => {
  const file = await fileOf(t, '00D5f000004XZjp!first')
  const { server } = await setup(t, { [GET]: (_, response) => json(response, 401, EXPIRED) })
  const credentials: Credentials = {
    kind: 'token',
    instanceUrl: server.url,
    accessToken: '00D5f000004XZjp!first',
    secretFile: file,
  }
  const { salesforce } = await setup(t, {}, { credentials })
  await assert.rejects(salesforce.ingest.get(JOB), { code: 'INVALID_SESSION_ID' })
  await writeFile(file.path, '00D5f000004ABCd!second')
  await assert.rejects(salesforce.ingest.get(JOB), WrongOrgError)
  assert.ok(server.seen.every(({ headers }) => !headers.authorization?.includes('second')))
})

test('advice never holds a secret, whatever the file holds', async (t) => {
  const file = await fileOf(t, 'hunter2')
  const isUsable = (text: string) => text !== 'hunter2'
  const secret = secretFrom({ text: 'hunter1', file, variable: 'X', isUsable })
  assert.equal(await secret.read(), 'hunter1')
  assert.doesNotMatch(secret.advice(), /hunter/)
})

function keys() {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

function pemOf({ privateKey }: { readonly privateKey: KeyObject }): string {
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}
