import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { WrongOrgError } from '../../../src/shared/salesforce/errors.ts'
import {
  blocks,
  type Handler,
  JOB,
  JOBS,
  job,
  json,
  received,
  serve,
  setup,
  stillClock,
  textOf,
} from './fake-salesforce.ts'

/**
 * An org that has moved: its old host answers in some way of its own, and the token endpoint names
 * the new one.
 */

const TOKEN_PATH = 'POST /services/oauth2/token'
const GET = `GET ${JOBS}/${JOB}`
const RESULTS = `GET ${JOBS}/${JOB}/failedResults`
const UPLOAD = `PUT ${JOBS}/${JOB}/batches`
const CREATE = `POST ${JOBS}`
const USERINFO = 'GET /services/oauth2/userinfo'
const OURS = '00D5f000004XZjp'
const OTHER = '00D5f000004ABCd'

const page =
  (status: number, text = 'We moved'): Handler =>
  async (request, response) => {
    await received(request)
    response.writeHead(status, { 'content-type': 'text/html' }).end(`<html>${text}</html>`)
  }
const redirect =
  (status: number): Handler =>
  async (request, response) => {
    await received(request)
    response.writeHead(status, { location: 'https://acme.my.salesforce.com/' }).end()
  }

/** The old host, each in its way; what only breaks connections is reached by a closed port below. */
const OLD_HOSTS: Readonly<Record<string, Handler>> = {
  'redirects with 301': redirect(301),
  'redirects with 302': redirect(302),
  'redirects with 307': redirect(307),
  'redirects with 308': redirect(308),
  'has no route, 420': page(420),
  'has no route, 406': page(406),
  'is gone, 410': page(410),
  'is down for maintenance, 503': page(503),
  'shows a page with 200': page(200),
  'shows "URL No Longer Exists"': page(404, '<h1>URL No Longer Exists</h1>'),
  'resets every connection': (request) => void request.socket.destroy(),
}

interface Moved {
  readonly old: Handler | 'refuses connections'
  /** The org of the logins after the first. */
  readonly org?: string
}

async function moved(t: TestContext, { old, org = OURS }: Moved) {
  const fresh = await serve(t, {
    // A host that no login has led to before is asked whose token it takes.
    [USERINFO]: (_, response) =>
      json(response, 200, { organization_id: org, preferred_username: 'erasure@acme.example' }),
    [GET]: (_, response) => json(response, 200, job({ state: 'InProgress' })),
    [CREATE]: async (request, response) => {
      await received(request)
      json(response, 200, job())
    },
    [RESULTS]: (_, response) => response.writeHead(200, { 'content-type': 'text/csv' }).end('Id\n'),
    [UPLOAD]: async (request, response) => {
      await received(request)
      response.writeHead(201).end()
    },
  })
  const gone = await serve(t, old === 'refuses connections' ? {} : { '*': old })
  let logins = 0
  const { salesforce } = await setup(t, {
    [TOKEN_PATH]: async (request, response) => {
      await received(request)
      logins += 1
      const host = logins === 1 ? gone.url : fresh.url
      const instance_url = old === 'refuses connections' && logins === 1 ? CLOSED : host
      const access_token = `${logins === 1 ? OURS : org}!AQ4.token${logins}`
      const id = `https://login.salesforce.com/id/${logins === 1 ? OURS : org}/0055f`
      json(response, 200, { access_token, instance_url, id })
    },
  })
  return {
    ...{ salesforce, fresh, gone },
    logins: () => logins,
    callsAtNew: () => fresh.calls().filter((call) => call !== USERINFO),
  }
}

/** The discard port: nobody listens there. */
const CLOSED = 'http://127.0.0.1:9'

const create = ({ salesforce }: Awaited<ReturnType<typeof moved>>) =>
  salesforce.ingest.create({ object: 'Contact', operation: 'delete' })

for (const [how, old] of [
  ...Object.entries(OLD_HOSTS),
  ['refuses connections', 'refuses connections'] as const,
]) {
  test(`a poll of an old host that ${how} goes on at the new one after a few tries`, async (t) => {
    const org = await moved(t, { old })
    let failures = 0
    for (; failures < 3; failures++) {
      const found = await org.salesforce.ingest.get(JOB).catch(() => null)
      if (found !== null) break
    }
    assert.ok(failures < 3, 'three polls failed')
    assert.equal(org.logins(), 2)
    assert.deepEqual(org.callsAtNew(), [GET])
    // The token of the first login never went anywhere else, nor the second one to the old host.
    const tokens = (seen: typeof org.fresh.seen) =>
      new Set(seen.map(({ headers }) => headers.authorization))
    assert.deepEqual([...tokens(org.fresh.seen)], [`Bearer ${OURS}!AQ4.token2`])
    assert.ok(!tokens(org.gone.seen).has(`Bearer ${OURS}!AQ4.token2`))
  })

  test(`a create at an old host that ${how} fails a few times, and the next one reaches the new one`, async (t) => {
    const org = await moved(t, { old })
    for (let tries = 0; tries < 3; tries++) {
      await assert.rejects(create(org), { kind: 'org-fault' })
      assert.deepEqual(org.callsAtNew(), [])
    }
    assert.equal((await create(org)).id, JOB)
    assert.deepEqual([org.logins(), org.callsAtNew()], [2, [CREATE]])
  })
}

test('a page in place of result files and of an answer to an upload is a sign as well', async (t) => {
  const shown = page(200)
  const results = await moved(t, { old: shown })
  const read = () => textOf(results.salesforce.ingest.failedResults(JOB))
  assert.equal(await read(), 'Id\n')
  assert.deepEqual([results.logins(), results.callsAtNew()], [2, [RESULTS]])

  const uploads = await moved(t, { old: shown })
  const upload = () => uploads.salesforce.ingest.upload(JOB, { bytes: 3, stream: blocks('Id\n') })
  for (let tries = 0; tries < 3; tries++) await assert.rejects(upload(), { code: 'NOT_AN_ANSWER' })
  await upload()
  assert.deepEqual([uploads.logins(), uploads.callsAtNew()], [2, [UPLOAD]])
})

test('an org that stays where it is is logged in to once a minute at most', async (t) => {
  const { clock } = stillClock()
  let now = clock.now()
  const ticking = { ...clock, now: () => now }
  const { salesforce, outcomes } = await setup(t, { [CREATE]: page(420) }, { clock: ticking })
  const logins = () => outcomes().filter((call) => call === 'token 200').length
  for (const expected of [2, 3, 4]) {
    for (let k = 0; k < 10; k++) {
      const asked = salesforce.ingest.create({ object: 'Contact', operation: 'delete' })
      await assert.rejects(asked, { code: 'HTTP_420' })
    }
    assert.equal(logins(), expected)
    now += 60_000
  }
})

test('a new host of another org gets no call, and ends everything', async (t) => {
  const org = await moved(t, { old: page(200), org: OTHER })
  for (let tries = 0; tries < 2; tries++) await assert.rejects(create(org), { code: 'NOT_JSON' })
  await assert.rejects(create(org), WrongOrgError)
  assert.deepEqual(org.callsAtNew(), [])
})

test('an expired session is renewed whatever the status says it', async (t) => {
  for (const [status, body] of [
    [403, [{ errorCode: 'INVALID_SESSION_ID', message: 'Session expired or invalid' }]],
    [500, [{ errorCode: 'INVALID_SESSION_ID', message: 'Session expired or invalid' }]],
    [400, { errorCode: 'InvalidSessionId', message: 'Invalid session id' }],
    [401, ''],
  ] as const) {
    let calls = 0
    const { salesforce, outcomes } = await setup(t, {
      [CREATE]: async (request, response) => {
        await received(request)
        calls += 1
        if (calls === 1) return json(response, status, body)
        json(response, 200, job())
      },
    })
    await salesforce.ingest.create({ object: 'Contact', operation: 'delete' })
    assert.deepEqual(
      outcomes(),
      ['token 200', `create ${status}`, 'token 200', 'create 200'],
      String(body),
    )
  }
})

test('a client that is closed ends a login that waits', async (t) => {
  const stop = Promise.withResolvers<void>()
  const { salesforce } = await setup(
    t,
    { [TOKEN_PATH]: (_, response) => json(response, 503, '') },
    {
      clock: {
        now: () => 0,
        sleep: (_, signal) =>
          new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason))
            stop.resolve()
          }),
      },
    },
  )
  const asked = salesforce.ingest.get(JOB)
  await stop.promise
  salesforce.close()
  await assert.rejects(asked, { code: 'CLIENT_CLOSED' })
})
