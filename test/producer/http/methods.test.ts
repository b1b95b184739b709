import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, METHODS, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { problemAnswer } from '../../../src/producer/http/problem.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { PATH, rawCall, startApi } from './api.ts'
import { document } from './documented.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
const { url } = await startApi(scope, world, { redis })
const agent = new Agent({ keepAlive: true, maxSockets: 4 })
scope.after(async () => agent.destroy())

interface Reply {
  readonly status: number | undefined
  readonly allow: string | undefined
  readonly code: string | undefined
}

async function send(method: string, path: string, body?: string): Promise<Reply> {
  const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
  const call = request(new URL(path, url), { agent, method, headers })
  call.end(body)
  const [answer] = await once(call, 'response')
  const { statusCode: status, headers: answered } = answer
  const [, code] = /"code":"(\w+)"/.exec(await text(answer)) ?? []
  return { status, allow: answered.allow, code }
}

/** CONNECT has a test of its own: it names no path. */
const ALL = METHODS.filter((method) => method !== 'CONNECT')

/** A request of the id `csv` is looked at there too, where there is one: see upload.test.ts. */
const UPLOADS = `${PATH}/csv`

/** What each path takes, by the document and by what is served beside it. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    Object.entries(document.paths).map(([path, operations]) => [
      path.replace('{id}', 'a').replace('{file}', 'failed.csv'),
      [
        ...Object.keys(operations).flatMap((name) => (name === 'get' ? ['GET', 'HEAD'] : ['POST'])),
        ...(path === UPLOADS ? ['GET', 'HEAD'] : []),
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['/', '/openapi.json', '/docs', '/docs/', '/docs/json', '/docs/static/index.css'].map(
      (path) => [path, ['GET', 'HEAD']],
    ),
  ),
  ...Object.fromEntries(
    ['/queues', '/queues/', '/queues/api/queues'].map((path) => [path, ['GET', 'HEAD']]),
  ),
}

describe('a method that a path lacks', () => {
  for (const [path, taken] of Object.entries(TAKEN)) {
    test(`is answered 405 at ${path}, with and without a body`, async () => {
      const refused = {
        status: 405,
        allow: taken.toSorted().join(', '),
        code: 'METHOD_NOT_ALLOWED',
      }
      for (const method of ALL.filter((one) => !taken.includes(one))) {
        const { code, ...seen } = await send(method, path)
        // A HEAD has no body to hold the code.
        const expected = method === 'HEAD' ? { ...refused, code: undefined } : refused
        assert.deepEqual({ ...seen, code }, expected, method)
        if (method === 'HEAD') continue
        assert.deepEqual(await send(method, path, 'of no type'), refused, `${method} with a body`)
      }
    })
  }

  test('is 404 where there is no path, whatever the method, its body and its type', async () => {
    for (const method of ALL) {
      for (const body of [undefined, 'of no type']) {
        const { status, code } = await send(method, '/v1/nothing', body)
        assert.deepEqual(
          [status, code],
          [404, method === 'HEAD' ? undefined : 'NO_SUCH_ROUTE'],
          method,
        )
      }
    }
  })

  test('is no defect to the metrics and to the log', async () => {
    const counted = await world.metrics.registry.metrics()
    assert.match(
      counted,
      /^expunge_http_requests_total\{route="[^"]*",method="QUERY",status="405"\}/m,
    )
    assert.doesNotMatch(counted, /status="500"/)
  })
})

test('what the framework refuses for a reason of its own is the caller’s fault, not ours', () => {
  const refused = (statusCode: number) =>
    problemAnswer(Object.assign(new Error(), { code: 'FST_ERR_NEW', statusCode })).problem
  assert.deepEqual([refused(400).status, refused(400).code], [400, 'MALFORMED_HTTP'])
  assert.deepEqual([refused(500).status, refused(500).code], [500, 'INTERNAL_ERROR'])
})

describe('a method that no path has', () => {
  const start = (line: string) => rawCall(url, `${line}\r\nHost: localhost\r\n\r\n`)

  test('CONNECT is answered, not cut off', async () => {
    const answer = await start('CONNECT example.com:443 HTTP/1.1')
    assert.match(answer, /^HTTP\/1\.1 405 .*\r\nAllow: GET, HEAD, POST\r\n.*"METHOD_NOT_ALLOWED"/s)
  })

  test('one that HTTP does not know, or in lower case, is named as what is wrong', async () => {
    for (const method of ['get', 'post', 'INVENTED', 'GETS']) {
      const answer = await start(`${method} ${PATH} HTTP/1.1`)
      assert.match(answer, /^HTTP\/1\.1 400 .*"MALFORMED_HTTP".*method/s, method)
    }
  })
})

test('HEAD answers wherever GET does, without a body', async () => {
  for (const [path, taken] of Object.entries(TAKEN)) {
    if (!taken.includes('GET')) continue
    const [got, head] = [await send('GET', path), await send('HEAD', path)]
    assert.equal(head.status, got.status, path)
    assert.equal(head.code, undefined, path)
  }
})
