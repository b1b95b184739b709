import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WrongOrgError } from '../../../src/shared/salesforce/errors.ts'
import { API, type Handler, json, ORG_18, setup } from './fake-salesforce.ts'

const TOKEN_PATH = 'POST /services/oauth2/token'
const OTHER_ORG = '00D5f000004ABCdEAO'

const userinfo: Handler = (_, response) =>
  json(response, 200, {
    organization_id: ORG_18,
    user_id: '0055fEXAMPLEtG4AAM',
    preferred_username: 'erasure@acme.example',
    urls: {},
  })
const organization: Handler = (_, response) =>
  json(response, 200, {
    totalSize: 1,
    done: true,
    records: [
      {
        attributes: { type: 'Organization' },
        Id: ORG_18,
        Name: 'Acme',
        IsSandbox: true,
        InstanceName: 'CS42',
        OrganizationType: 'Enterprise Edition',
      },
    ],
  })
const routes = {
  'GET /services/oauth2/userinfo': userinfo,
  [`GET ${API}/query`]: organization,
}

test('login says who and where: org, host, user, production or sandbox', async (t) => {
  const { salesforce, server } = await setup(t, routes)
  assert.deepEqual(await salesforce.login(), {
    orgId: ORG_18,
    instanceUrl: server.url,
    username: 'erasure@acme.example',
    isSandbox: true,
    name: 'Acme',
  })
  const query = new URL(server.seen[2]?.path ?? '', server.url)
  assert.equal(
    query.searchParams.get('q'),
    'SELECT Id, Name, IsSandbox, InstanceName, OrganizationType FROM Organization',
  )
})

test('what the user may not read of the org is null', async (t) => {
  for (const [status, errorCode] of [
    [400, 'INVALID_TYPE'],
    [403, 'INSUFFICIENT_ACCESS'],
  ] as const) {
    const refuse: Handler = (_, response) => json(response, status, [{ errorCode, message: 'no' }])
    const { salesforce } = await setup(t, { ...routes, [`GET ${API}/query`]: refuse })
    const { isSandbox, name } = await salesforce.login()
    assert.deepEqual([isSandbox, name], [null, null])
  }
})

test('an outage while asking about the org is not taken for a missing right', async (t) => {
  const down: Handler = (_, response) => json(response, 503, '')
  const { salesforce } = await setup(t, { ...routes, [`GET ${API}/query`]: down })
  await assert.rejects(salesforce.login(), { kind: 'org-fault' })
})

test('the expected org may be named by 15 or by 18 characters', async (t) => {
  for (const expectedOrgId of [ORG_18, ORG_18.slice(0, 15)]) {
    const { salesforce } = await setup(t, routes, { expectedOrgId })
    assert.equal((await salesforce.login()).orgId, ORG_18)
  }
})

test('a login to another org is refused with both names', async (t) => {
  const { salesforce } = await setup(t, routes, { expectedOrgId: OTHER_ORG })
  await assert.rejects(
    salesforce.login(),
    (error) =>
      error instanceof WrongOrgError &&
      error.actualOrgId === ORG_18 &&
      error.message.includes(OTHER_ORG) &&
      error.message.includes(ORG_18),
  )
})

test('a token that names another org is refused before anything is sent with it', async (t) => {
  const { salesforce, server } = await setup(
    t,
    {
      [TOKEN_PATH]: (request, response) =>
        json(response, 200, {
          access_token: 'x!y',
          instance_url: `http://${request.headers.host}`,
          id: `https://login.salesforce.com/id/${ORG_18}/0055fEXAMPLEtG4AAM`,
        }),
    },
    { expectedOrgId: OTHER_ORG },
  )
  await assert.rejects(salesforce.ingest.close('750'), WrongOrgError)
  assert.deepEqual(server.calls(), [TOKEN_PATH])
})

test('userinfo that calls a token bad with 403 gets a new one', async (t) => {
  let asked = 0
  const { salesforce, outcomes } = await setup(t, {
    ...routes,
    'GET /services/oauth2/userinfo': (request, response) => {
      asked += 1
      if (asked > 1) return void userinfo(request, response)
      response.writeHead(403).end('Bad_OAuth_Token')
    },
  })
  await salesforce.login()
  assert.deepEqual(outcomes().slice(0, 4), [
    'token 200',
    'userinfo 403',
    'token 200',
    'userinfo 200',
  ])
})

test('limits are the two allowances that deleting draws on, by either name', async (t) => {
  const api = { Max: 15_000, Remaining: 14_998, 'Some App': { Max: 0, Remaining: 0 } }
  const bulk = { Max: 15_000, Remaining: 42 }
  for (const name of ['DailyBulkApiBatches', 'DailyBulkApiRequests']) {
    const { salesforce } = await setup(t, {
      [`GET ${API}/limits/`]: (_, response) =>
        json(response, 200, { DailyApiRequests: api, [name]: bulk, Other: {} }),
    })
    assert.deepEqual(await salesforce.limits(), {
      DailyApiRequests: { max: 15_000, remaining: 14_998 },
      DailyBulkApiBatches: { max: 15_000, remaining: 42 },
    })
  }
})

test('limits that the org does not tell are null', async (t) => {
  const { salesforce } = await setup(t, {
    [`GET ${API}/limits/`]: (_, response) => json(response, 200, {}),
  })
  assert.deepEqual(await salesforce.limits(), { DailyApiRequests: null, DailyBulkApiBatches: null })
})

test('versions are what the org serves', async (t) => {
  const { salesforce } = await setup(t, {
    'GET /services/data/': (_, response) =>
      json(response, 200, [{ label: 'Spring 26', url: '/services/data/v66.0', version: '66.0' }]),
  })
  assert.deepEqual(await salesforce.versions(), [{ label: 'Spring 26', version: '66.0' }])
})
