import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import { ExpungeError } from '../../../src/shared/base/errors.ts'
import { createSalesforce } from '../../../src/shared/salesforce/client.ts'
import {
  API,
  EXPIRED,
  fileOf,
  type Handler,
  JOB,
  JOBS,
  job,
  json,
  ORG_18,
  received,
  serve,
  setup,
} from './fake-salesforce.ts'

const TOKEN_PATH = 'POST /services/oauth2/token'
const USERINFO = 'GET /services/oauth2/userinfo'
const QUERY = `GET ${API}/query`
const GET = `GET ${JOBS}/${JOB}`

const OURS = ORG_18.slice(0, 15)
const OTHER = '00D5f000004ABCd'
const OTHER_18 = '00D5f000004ABCdEAO'
/** Tokens that name no org. */
const FIRST = 'opaque-first'
const SECOND = 'opaque-second'

type Answer = Readonly<Record<string, unknown>>

const named = (org: string) => `https://login.salesforce.com/id/${org}/0055fEXAMPLEtG4AAM`
const userinfoOf =
  (organization_id: unknown): Handler =>
  (_, response) =>
    json(response, 200, { organization_id, preferred_username: 'erasure@acme.example' })
const organizationOf =
  (Id: string): Handler =>
  (_, response) =>
    json(response, 200, { records: [{ Id, Name: 'Acme', IsSandbox: true }] })
const forbidden: Handler = (_, response) =>
  json(response, 403, [{ errorCode: 'INSUFFICIENT_ACCESS', message: 'no' }])

/**
 * A client whose token endpoint gives these answers in turn. Every token but the last is refused at
 * the API, so that each call renews the login until there is no other answer.
 */
async function clientOf(
  t: TestContext,
  answers: readonly Answer[],
  routes: Readonly<Record<string, Handler>> = {},
  options: Parameters<typeof setup>[2] = {},
) {
  let given = 0
  const { server, salesforce, outcomes } = await setup(
    t,
    {
      [TOKEN_PATH]: async (request, response) => {
        await received(request)
        const answer = answers[Math.min(given, answers.length - 1)]
        given += 1
        json(response, 200, { instance_url: `http://${request.headers.host}`, ...answer })
      },
      [GET]: (request, response) =>
        request.headers.authorization === `Bearer ${answers.at(-1)?.['access_token']}`
          ? json(response, 200, job())
          : json(response, 401, EXPIRED),
      [USERINFO]: forbidden,
      [QUERY]: forbidden,
      ...routes,
    },
    options,
  )
  /** What was sent with a token, but for the questions whose it is. */
  const used = (token: unknown) =>
    server.seen
      .filter(({ headers }) => headers.authorization === `Bearer ${token}`)
      .map(({ method, path }) => `${method} ${path.split('?')[0]}`)
      .filter((call) => call !== USERINFO && call !== QUERY)
  return { server, salesforce, outcomes, used, get: () => salesforce.ingest.get(JOB) }
}

const ours = { access_token: `${OURS}!first`, id: named(ORG_18) }

/** Second logins that must not be used, however the org becomes known. */
const ELSEWHERE: Readonly<Record<string, readonly [Answer, Record<string, Handler>]>> = {
  'the id URL': [{ access_token: SECOND, id: named(OTHER_18) }, {}],
  'the id URL, in 15 characters': [{ access_token: SECOND, id: named(OTHER) }, {}],
  "the token's prefix": [{ access_token: `${OTHER}!second` }, {}],
  'the id URL, while the prefix is ours': [
    { access_token: `${OURS}!second`, id: named(OTHER_18) },
    {},
  ],
  'the prefix, while the id URL is ours': [
    { access_token: `${OTHER}!second`, id: named(ORG_18) },
    {},
  ],
  'userinfo alone': [{ access_token: SECOND }, { [USERINFO]: userinfoOf(OTHER_18) }],
  'the Organization record alone': [
    { access_token: SECOND },
    { [QUERY]: organizationOf(OTHER_18) },
  ],
  'the Organization record, for userinfo is in no form that anybody expects': [
    { access_token: SECOND },
    { [USERINFO]: userinfoOf(42), [QUERY]: organizationOf(OTHER_18) },
  ],
}

describe('a renewed login to another org is refused before its token is used, as told by', () => {
  for (const [who, [second, routes]] of Object.entries(ELSEWHERE)) {
    test(who, async (t) => {
      const { get, used } = await clientOf(t, [ours, second], routes)
      await assert.rejects(get(), {
        code: 'WRONG_ORG',
        expectedOrgId: ORG_18,
        actualOrgId: OTHER_18,
      })
      assert.deepEqual(used(second['access_token']), [])
    })
  }
})

describe('the first login is held to SALESFORCE_ORG_ID, as told by', () => {
  for (const [who, [second, routes]] of Object.entries(ELSEWHERE)) {
    test(who, async (t) => {
      const { get, used } = await clientOf(t, [second], routes, { expectedOrgId: OURS })
      await assert.rejects(get(), { code: 'WRONG_ORG', actualOrgId: OTHER_18 })
      assert.deepEqual(used(second['access_token']), [])
    })
  }
})

describe('a login whose org nobody tells is an org fault, and its token is never used:', () => {
  for (const [when, answers] of Object.entries({
    'the first one': [{ access_token: FIRST }],
    'a renewed one': [ours, { access_token: FIRST }],
    'one whose id is no URL of an org': [{ access_token: FIRST, id: 'https://login/id/x/y' }],
  })) {
    test(when, async (t) => {
      const { get, used } = await clientOf(t, answers)
      await assert.rejects(get(), { code: 'ORG_UNKNOWN', kind: 'org-fault', operation: 'token' })
      assert.deepEqual(used(FIRST), [])
    })
  }

  test('where the org cannot be asked, that fault is the one that is told', async (t) => {
    const down: Handler = (_, response) => json(response, 503, '')
    const { get, used } = await clientOf(t, [{ access_token: FIRST }], { [USERINFO]: down })
    await assert.rejects(get(), { kind: 'org-fault', httpStatus: 503, operation: 'userinfo' })
    assert.deepEqual(used(FIRST), [])
  })
})

test('a first login of which two orgs are named is an org fault, and its token is never used', async (t) => {
  const answer = { access_token: `${OURS}!first`, id: named(OTHER_18) }
  const { get, used } = await clientOf(t, [answer])
  await assert.rejects(get(), {
    ...{ code: 'ORG_AMBIGUOUS', kind: 'org-fault' },
    message: new RegExp(`id URL of the answer says ${OTHER_18}, the token's prefix says ${ORG_18}`),
  })
  assert.deepEqual(used(answer.access_token), [])
})

test('a token that names no org is used once userinfo or the Organization record has told it', async (t) => {
  for (const routes of [
    { [USERINFO]: userinfoOf(OURS) },
    { [QUERY]: organizationOf(ORG_18) },
  ] as readonly Record<string, Handler>[]) {
    const { get } = await clientOf(t, [ours, { access_token: SECOND }], routes)
    assert.equal((await get()).id, JOB)
  }
})

test('a token whose answer names its org costs no question', async (t) => {
  const { get, outcomes } = await clientOf(t, [ours, { access_token: `${OURS}!second` }])
  await get()
  assert.deepEqual(outcomes(), ['token 200', 'get 401', 'token 200', 'get 200'])
})

test('a renewal that leads to another host is asked there whose org it is', async (t) => {
  for (const [told, isOurs] of [
    [ORG_18, true],
    [OTHER_18, false],
  ] as const) {
    const routes = {
      [GET]: (_: unknown, response: Parameters<Handler>[1]) => json(response, 200, job()),
    }
    const elsewhere = await serve(t, { ...routes, [USERINFO]: userinfoOf(told) })
    const second = { access_token: `${OURS}!second`, instance_url: elsewhere.url }
    const { get } = await clientOf(t, [ours, second])
    if (isOurs) {
      await get()
      assert.deepEqual(elsewhere.calls(), [USERINFO, GET])
    } else {
      await assert.rejects(get(), { code: 'WRONG_ORG', actualOrgId: OTHER_18 })
      assert.deepEqual(elsewhere.calls(), [USERINFO])
    }
  }
})

test('a given token without a prefix is identified each time it is read from its file', async (t) => {
  const secretFile = await fileOf(t, FIRST)
  let org = ORG_18
  const { server } = await clientOf(t, [{ access_token: SECOND }], {
    [USERINFO]: (...args) => userinfoOf(org)(...args),
  })
  const { salesforce } = await setup(
    t,
    {},
    {
      credentials: {
        ...{ kind: 'token', instanceUrl: server.url, accessToken: FIRST },
        secretFile,
      },
    },
  )
  await assert.rejects(salesforce.ingest.get(JOB), { code: 'INVALID_SESSION_ID' })
  await writeFile(secretFile.path, SECOND)
  org = OTHER_18
  await assert.rejects(salesforce.ingest.get(JOB), { code: 'WRONG_ORG' })
  org = ORG_18
  assert.equal((await salesforce.ingest.get(JOB)).id, JOB)
})

test('login tells an app that may read neither userinfo nor the record what it can', async (t) => {
  const { salesforce } = await clientOf(t, [ours])
  const { orgId, username, name, isSandbox } = await salesforce.login()
  assert.deepEqual([orgId, username, name, isSandbox], [ORG_18, null, null, null])
})

test('login refuses an org that describes itself as another', async (t) => {
  for (const routes of [
    { [USERINFO]: userinfoOf(OTHER_18) },
    { [QUERY]: organizationOf(OTHER_18) },
  ] as readonly Record<string, Handler>[]) {
    const { salesforce } = await clientOf(t, [ours], routes)
    await assert.rejects(salesforce.login(), { code: 'WRONG_ORG', actualOrgId: OTHER_18 })
  }
})

/** What each fact may say: nothing, our org in either form, or another one. */
const SAYINGS = [null, ORG_18, OURS, OTHER] as const

const factsSaying = SAYINGS.flatMap((id) =>
  SAYINGS.flatMap((prefix) =>
    SAYINGS.flatMap((user) => SAYINGS.map((record) => ({ id, prefix, user, record }))),
  ),
)

test('a login is taken where all facts that are there agree, and refused with what each says', async (t) => {
  let said: (typeof factsSaying)[number] = { id: null, prefix: null, user: null, record: null }
  const routes: Readonly<Record<string, Handler>> = {
    [TOKEN_PATH]: async (request, response) => {
      await received(request)
      json(response, 200, {
        instance_url: `http://${request.headers.host}`,
        access_token: said.prefix === null ? FIRST : `${said.prefix}!first`,
        ...(said.id === null ? {} : { id: named(said.id) }),
      })
    },
    [USERINFO]: (...args) => (said.user === null ? forbidden : userinfoOf(said.user))(...args),
    [QUERY]: (...args) => (said.record === null ? forbidden : organizationOf(said.record))(...args),
  }
  const server = await serve(t, routes)
  const credentials = {
    kind: 'client-credentials',
    loginUrl: server.url,
    clientId: 'app',
    clientSecret: 'never-told',
  } as const
  for (said of factsSaying) {
    const salesforce = createSalesforce({ credentials, apiVersion: '61.0' })
    const login = salesforce.login().finally(() => salesforce.close())
    const orgs = new Set(Object.values(said).flatMap((org) => org?.slice(0, 15) ?? []))
    const [only] = orgs
    if (orgs.size === 1) {
      const { orgId, isSandbox } = await login
      assert.equal(orgId, only === OTHER ? OTHER_18 : ORG_18)
      assert.equal(isSandbox, said.record === null ? null : true)
      continue
    }
    await assert.rejects(login, (error) => {
      assert.ok(error instanceof ExpungeError)
      const codes = orgs.size === 0 ? /^ORG_UNKNOWN$/ : /^(ORG_AMBIGUOUS|WRONG_ORG)$/
      assert.match(error.code, codes, JSON.stringify(said))
      for (const org of orgs) assert.match(error.message, new RegExp(`says ${org}`))
      assert.doesNotMatch(error.message, /!first|opaque|never-told/)
      return true
    })
  }
})
