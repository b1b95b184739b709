import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { SalesforceError } from '../../../src/shared/salesforce/errors.ts'
import {
  EXPIRED,
  type Handler,
  JOB,
  JOBS,
  job,
  json,
  serve,
  setup,
  TOKEN,
} from './fake-salesforce.ts'

const GET = `GET ${JOBS}/${JOB}`

/** Answers with each handler in turn, the last one for ever. */
function inTurn(...handlers: [Handler, ...Handler[]]): Handler {
  let next = 0
  return (request, response) => {
    const handler = handlers[Math.min(next, handlers.length - 1)] ?? handlers[0]
    next += 1
    return handler(request, response)
  }
}

const found: Handler = (_, response) => json(response, 200, job({ state: 'InProgress' }))
const status =
  (code: number, body = '', headers: Record<string, string> = {}): Handler =>
  (_, response) => {
    response.writeHead(code, headers)
    response.end(body)
  }
const reset: Handler = (request) => void request.socket.resetAndDestroy()

const token: Handler = (request, response) =>
  json(response, 200, {
    access_token: TOKEN(1),
    instance_url: `http://${request.headers.host}`,
  })

/** Accepts only the second token. */
const secondTokenOnly: Handler = (request, response) =>
  request.headers.authorization === `Bearer ${TOKEN(2)}`
    ? found(request, response)
    : json(response, 401, EXPIRED)

test('twenty calls that meet an expired session share one login', async (t) => {
  const { salesforce, server } = await setup(t, { [GET]: secondTokenOnly })
  await assert.rejects(salesforce.ingest.get('other'))
  const jobs = await Promise.all(Array.from({ length: 20 }, () => salesforce.ingest.get(JOB)))
  assert.equal(jobs.length, 20)
  assert.equal(server.calls().filter((call) => call.includes('token')).length, 2)
})

test('a session that stays refused ends after one renewal', async (t) => {
  const { salesforce, outcomes } = await setup(t, {
    [GET]: (_, response) => json(response, 401, EXPIRED),
  })
  await assert.rejects(salesforce.ingest.get(JOB), {
    code: 'INVALID_SESSION_ID',
    kind: 'org-fault',
    httpStatus: 401,
  })
  assert.deepEqual(outcomes(), ['token 200', 'get 401', 'token 200', 'get 401'])
})

test('a session refused again after an outage in between is not renewed twice', async (t) => {
  const refused: Handler = (_, response) => json(response, 401, EXPIRED)
  const { salesforce, outcomes } = await setup(t, {
    [GET]: inTurn(refused, status(503), refused, found),
  })
  await assert.rejects(salesforce.ingest.get(JOB), { code: 'INVALID_SESSION_ID' })
  assert.deepEqual(outcomes(), ['token 200', 'get 401', 'token 200', 'get 503', 'get 401'])
})

test('a refusal that no token would change renews nothing', async (t) => {
  const message = 'This session is not valid for use with the REST API'
  const { salesforce, outcomes } = await setup(t, {
    [GET]: (_, response) => json(response, 401, [{ errorCode: 'INVALID_SESSION_ID', message }]),
  })
  await assert.rejects(salesforce.ingest.get(JOB), { code: 'INVALID_SESSION_ID' })
  assert.deepEqual(outcomes(), ['token 200', 'get 401'])
})

test('a POST that met an expired session is sent again: it was not heard', async (t) => {
  const { salesforce, outcomes } = await setup(t, { [`POST ${JOBS}`]: secondTokenOnly })
  await salesforce.ingest.create({ object: 'Contact', operation: 'delete' })
  assert.deepEqual(outcomes(), ['token 200', 'create 401', 'token 200', 'create 200'])
})

test('GET outlasts a page of HTML, an empty 500 and a reset', async (t) => {
  const html = status(503, '<html><h1>Down for maintenance</h1></html>')
  const { salesforce, slept, outcomes } = await setup(t, {
    [GET]: inTurn(html, status(500), reset, found),
  })
  assert.equal((await salesforce.ingest.get(JOB)).state, 'InProgress')
  assert.deepEqual(outcomes(), ['token 200', 'get 503', 'get 500', 'get network', 'get 200'])
  assert.equal(slept.length, 3)
})

for (const [what, handler, over] of [
  [
    'a page of HTML with 503',
    status(503, '<h1>Down for maintenance</h1>'),
    { code: 'HTTP_503', message: /503: Down for maintenance\. Wait/ },
  ],
  ['an empty 500', status(500), { code: 'HTTP_500', message: /500: no text\. Wait/ }],
  ['429', status(429, 'slow down'), { code: 'HTTP_429' }],
  ['420', status(420), { code: 'HTTP_420' }],
  ['resets', reset, { code: 'ECONNRESET', httpStatus: null }],
] as const) {
  test(`${what} for good ends after four tries as an org fault`, async (t) => {
    const { salesforce, server } = await setup(t, { [GET]: handler })
    await assert.rejects(salesforce.ingest.get(JOB), {
      kind: 'org-fault',
      retryable: true,
      ...over,
    })
    assert.equal(server.calls().filter((call) => call === GET).length, 4)
  })
}

test('a POST or PATCH in doubt is never repeated', async (t) => {
  for (const handler of [reset, status(503), status(429)]) {
    const { salesforce, server } = await setup(t, {
      [`POST ${JOBS}`]: handler,
      [`PATCH ${JOBS}/${JOB}`]: handler,
    })
    const create = salesforce.ingest.create({ object: 'Contact', operation: 'delete' })
    await assert.rejects(create, { kind: 'org-fault' })
    await assert.rejects(salesforce.ingest.close(JOB), { kind: 'org-fault' })
    assert.equal(server.calls().length, 3)
  }
})

test('a GET is not repeated around a login, which has tries of its own', async (t) => {
  const refused: Handler = (_, response) => json(response, 401, EXPIRED)
  const { salesforce, outcomes } = await setup(t, {
    'POST /services/oauth2/token': inTurn(token, status(503)),
    [GET]: refused,
  })
  await assert.rejects(salesforce.ingest.get(JOB), { operation: 'token', httpStatus: 503 })
  const logins = Array.from({ length: 4 }, () => 'token 503')
  assert.deepEqual(outcomes(), ['token 200', 'get 401', ...logins])
  await assert.rejects(salesforce.ingest.get(JOB), { operation: 'token', httpStatus: 503 })
  assert.deepEqual(outcomes().slice(6), ['get 401', ...logins])
})

test('a first login that fails is not repeated by the GET that needs it', async (t) => {
  const { salesforce, outcomes } = await setup(t, {
    'POST /services/oauth2/token': status(503),
    [GET]: found,
  })
  const calls = [salesforce.ingest.get(JOB), salesforce.ingest.get(JOB)]
  for (const call of calls) await assert.rejects(call, { operation: 'token' })
  assert.deepEqual(
    outcomes(),
    Array.from({ length: 4 }, () => 'token 503'),
  )
})

test('Retry-After is waited for as asked', async (t) => {
  const { salesforce, slept } = await setup(t, {
    [GET]: inTurn(status(503, '', { 'retry-after': '2' }), found),
  })
  await salesforce.ingest.get(JOB)
  assert.deepEqual(slept, [2000])
})

test('a Retry-After of an hour is left to the caller, who is told it', async (t) => {
  const { salesforce, slept } = await setup(t, {
    [GET]: status(503, '', { 'retry-after': '3600' }),
  })
  await assert.rejects(salesforce.ingest.get(JOB), { retryAfterMs: 3_600_000 })
  assert.deepEqual(slept, [])
})

test('nobody listening is an org fault that names host and code', async (t) => {
  const gone = await serve(t, {})
  const credentials = {
    kind: 'token',
    instanceUrl: 'http://127.0.0.1:9',
    accessToken: '00D5f000004XZjp!given.token',
  } as const
  const { salesforce, outcomes } = await setup(t, {}, { credentials })
  await assert.rejects(salesforce.ingest.get(JOB), {
    code: 'ECONNREFUSED',
    kind: 'org-fault',
    message:
      /^No answer from Salesforce at http:\/\/127\.0\.0\.1:9 to the call get: the connection was refused \(.*ECONNREFUSED.*HTTPS_PROXY/,
  })
  assert.ok(outcomes().every((outcome) => outcome === 'get network'))
  assert.deepEqual(gone.calls(), [])
})

test('a server that says nothing is given up on, and counted as a timeout', async (t) => {
  const { salesforce, outcomes } = await setup(
    t,
    { [`PATCH ${JOBS}/${JOB}`]: () => {} },
    { timeouts: { response: 50 } },
  )
  await assert.rejects(salesforce.ingest.close(JOB), { code: 'ETIMEDOUT', kind: 'org-fault' })
  assert.deepEqual(outcomes(), ['token 200', 'close timeout'])
})

test('a redirect is not followed, so the token stays', async (t) => {
  const other = await serve(t, { '*': found })
  const { salesforce, server } = await setup(t, {
    [GET]: status(302, '', { location: `${other.url}/login` }),
    [`POST ${JOBS}`]: status(307, '', { location: `${other.url}/login` }),
  })
  const create = () => salesforce.ingest.create({ object: 'Contact', operation: 'delete' })
  for (const call of [() => salesforce.ingest.get(JOB), create]) {
    await assert.rejects(call, {
      kind: 'org-fault',
      message: new RegExp(`redirect to ${other.host}.*My Domain`),
    })
  }
  assert.deepEqual(other.seen, [])
  assert.equal(server.calls().length, 3)
})

test('a page of HTML with 200 is an org fault, not an answer', async (t) => {
  const { salesforce } = await setup(t, { [GET]: status(200, '<html>Welcome to Wi-Fi</html>') })
  await assert.rejects(salesforce.ingest.get(JOB), { code: 'NOT_JSON', kind: 'org-fault' })
})

test('JSON of another form is an error that names the fields, not their values', async (t) => {
  const { salesforce } = await setup(t, {
    [GET]: (_, response) => json(response, 200, { ...job(), id: ['jane@example.com'] }),
  })
  await assert.rejects(
    salesforce.ingest.get(JOB),
    (error) =>
      error instanceof SalesforceError &&
      error.code === 'UNEXPECTED_ANSWER' &&
      error.kind === 'unexpected' &&
      error.message.includes('id: ') &&
      !error.message.includes('jane'),
  )
})

test('a JSON answer that breaks off is asked for again', async (t) => {
  const cut: Handler = (_, response) => {
    response.writeHead(200, { 'content-length': '500' })
    response.write('{"id":', () => response.destroy())
  }
  const { salesforce } = await setup(t, { [GET]: inTurn(cut, found) })
  assert.equal((await salesforce.ingest.get(JOB)).state, 'InProgress')
})

test('every answer tells the API usage, errors too', async (t) => {
  const used = (n: number) => ({
    'sforce-limit-info': `api-usage=${n}/15000; per-app-api-usage=17/250(appName=expunge)`,
  })
  const { salesforce, quotas } = await setup(t, {
    [GET]: inTurn(status(404, '', used(18)), status(404, '', { 'sforce-limit-info': 'odd' })),
  })
  await assert.rejects(salesforce.ingest.get(JOB))
  await assert.rejects(salesforce.ingest.get(JOB))
  assert.deepEqual(quotas, [{ used: 18, max: 15_000 }])
})

test('calls in a row share one connection, and say who calls', async (t) => {
  const { salesforce, server } = await setup(t, { [GET]: found }, { version: '1.2.3' })
  for (let n = 0; n < 5; n++) await salesforce.ingest.get(JOB)
  await salesforce.ingest.remove('gone')
  await salesforce.ingest.get(JOB)
  assert.equal(server.connections(), 1)
  assert.ok(server.seen.every(({ headers }) => headers['user-agent'] === 'expunge/1.2.3'))
})

test('an abort ends a call under way with the reason given', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const { salesforce, server } = await setup(t, { [GET]: () => arrived.resolve() })
  const stop = new AbortController()
  const call = salesforce.ingest.get(JOB, stop.signal)
  await arrived.promise
  const reason = new Error('told to stop')
  stop.abort(reason)
  await assert.rejects(call, reason)
  await assert.rejects(salesforce.ingest.get(JOB, stop.signal), reason)
  assert.equal(server.calls().filter((one) => one === GET).length, 1)
})

test('close ends the connections that calls left open', async (t) => {
  const { salesforce, server } = await setup(t, {
    [GET]: (request, response) => {
      closed = once(request.socket, 'close')
      return found(request, response)
    },
  })
  let closed: Promise<unknown> | undefined
  await salesforce.ingest.get(JOB)
  salesforce.close()
  await closed
  assert.equal(server.connections(), 1)
})
