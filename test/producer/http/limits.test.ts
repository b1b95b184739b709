import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { LIMITS } from '../../../src/producer/http/limits.ts'
import { REQUEST_BYTES } from '../../../src/shared/contract/request.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { openCall, PATH, rawCall, startApi, until } from './api.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
const { org } = world
const api = await startApi(scope, world, { redis })
/** Waits for nobody. */
const hasty = await startApi(scope, world, {
  redis,
  timeouts: {
    headersMs: 200,
    body: { graceMs: 300, silentMs: 200, bytesPerSecond: 100_000 },
    // Long enough for the answer to be read before the reset, also where this process stands still.
    lingerMs: 500,
  },
})

/** Reads on for as long as a slow machine sends. */
const patient = await startApi(scope, world, { redis, timeouts: { lingerMs: 120_000 } })

const head = (line: string, ...more: readonly string[]) =>
  [line, 'Host: localhost', 'Connection: close', ...more, '', ''].join('\r\n')
const post = (...more: readonly string[]) => head(`POST ${PATH} HTTP/1.1`, ...more)
const JSON_TYPE = 'Content-Type: application/json'
const csv = (id: string) =>
  head(
    `POST ${PATH}?org=${org}&object=Contact&id=${id} HTTP/1.1`,
    'Content-Type: text/csv',
    'Transfer-Encoding: chunked',
  )
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

const jsonHeaders = { 'Content-Type': 'application/json' }
/** What came of a body that is sent as JSON, as `<status> <code>`. */
async function sentAsJson(body: RequestInit['body']): Promise<string> {
  const { status, json } = await api.call(PATH, { method: 'POST', headers: jsonHeaders, body })
  return `${status} ${json?.code}`
}

/** Whatever was tried: nothing of it is there, and the service lives. */
async function assertNothingLeft(id: string): Promise<void> {
  assert.equal(await world.producer.inspect(id, { org }), null)
  const lots = await world.store.staging.lots()
  assert.deepEqual(
    lots.filter(({ request }) => request === id.toLowerCase()),
    [],
  )
}

describe('what is no HTTP', () => {
  test('is told so', async () => {
    assert.match(
      await rawCall(api.url, 'HELO\r\n\r\n'),
      /^HTTP\/1\.1 400 .*problem\+json.*MALFORMED_HTTP/s,
    )
    const long = head(`GET ${PATH} HTTP/1.1`, `X-Long: ${'x'.repeat(20_000)}`)
    assert.match(await rawCall(api.url, long), /^HTTP\/1\.1 431 .*HEADERS_TOO_LARGE/s)
    const url = head(`GET ${PATH}?${'x'.repeat(20_000)} HTTP/1.1`)
    assert.match(await rawCall(api.url, url), /^HTTP\/1\.1 431 .*HEADERS_TOO_LARGE/s)
    const path = head(`GET ${PATH}/%2e%2e%2f%2e%2e HTTP/1.1`)
    assert.match(await rawCall(api.url, path), /^HTTP\/1\.1 404 .*UNKNOWN_REQUEST/s)
  })

  test('is found in the log by its answer', async () => {
    const [, id] = /X-Request-Id: (\S+)/.exec(await rawCall(api.url, 'HELO\r\n\r\n')) ?? []
    const line = api.log.find(({ httpRequestId }) => httpRequestId === id)
    assert.equal(line?.['code'], 'MALFORMED_HTTP')
  })

  test('nor names one host', async () => {
    for (const hosts of ['', 'Host: localhost\r\nHost: evil.example\r\n']) {
      const answer = await rawCall(
        api.url,
        `GET ${PATH} HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`,
      )
      assert.match(answer, /^HTTP\/1\.1 400 .*MALFORMED_HTTP.*one header line Host/s)
    }
  })

  test('or turns out so once it is answered, gets no second answer', async () => {
    for (const path of [`${PATH}/%ff`, `${PATH}/none?org=${org}`]) {
      const answer = await rawCall(api.url, head(`GET ${path} HTTP/1.1`, 'Transfer-Encoding: gzip'))
      assert.equal(answer.split('HTTP/1.1 ').length, 2, answer)
    }
  })

  test('and follows calls that wait for their answers, is answered after them', async () => {
    const last = head(`GET ${PATH}?org=${org} HTTP/1.1`)
    const call = last.replace('close', 'keep-alive')
    for (const [text, expected] of [
      [`${call}${call}HELO\r\n\r\n`, ['200', '200', '400']],
      [`${call}CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n`, ['200', '405']],
      [`${call}${last}HELO\r\n\r\n`, ['200', '200']],
    ] as const) {
      const answers = await rawCall(api.url, text)
      const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
      assert.deepEqual(statuses, expected)
    }
  })

  test('but expects what nobody knows, is answered all the same', async () => {
    const call = head(`GET ${PATH}?org=${org} HTTP/1.1`, 'Expect: the-unexpected')
    assert.match(await rawCall(api.url, call), /^HTTP\/1\.1 200 /)
  })

  test('or header lines that never end, is not waited for', async () => {
    const answer = await rawCall(hasty.url, `GET ${PATH} HTTP/1.1\r\nHost: localhost\r\n`)
    assert.match(answer, /^HTTP\/1\.1 408 .*TOO_SLOW/s)
  })
})

describe('what is refused is answered to whoever sends on', () => {
  const refused = async (connection: string) => {
    const text = post(JSON_TYPE, 'Transfer-Encoding: chunked').replace('close', connection)
    const call = openCall(patient.url, text)
    for (let k = 0; k < 5; k++) call.write(chunk('x'.repeat(1_000_000)))
    assert.match(await call.problem, /^HTTP\/1\.1 413 .*BODY_TOO_LARGE/s)
    // A connection that had ended would have taken the answer along, for all that is sent now.
    for (let k = 0; k < 50; k++) call.write(chunk('x'.repeat(1_000_000)))
    call.write('0\r\n\r\n')
    return call
  }

  test('and asked for the last answer', async () => {
    assert.equal(await (await refused('close')).failed, null)
  })

  for (const [what, start, problem] of [
    [
      'header lines',
      `GET ${PATH} HTTP/1.1\r\nX-Long: ${'x'.repeat(20_000)}`,
      '431 .*HEADERS_TOO_LARGE',
    ],
    ['what is no HTTP', 'HELO\r\n\r\n', '400 .*MALFORMED_HTTP'],
    [
      'a tunnel',
      'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      '405 .*METHOD_NOT_ALLOWED',
    ],
  ] as const) {
    test(`and sends ${what}`, async () => {
      const call = openCall(patient.url, start)
      for (let k = 0; k < 20; k++) call.write('x'.repeat(1_000_000))
      assert.match(await call.problem, new RegExp(`^HTTP/1\\.1 ${problem}`, 's'))
      assert.equal(await call.failed, null)
    })
  }

  test('and has a next call, over the same connection', async () => {
    const call = await refused('keep-alive')
    call.write(head('GET /openapi.json HTTP/1.1'))
    assert.match(await call.answer, /HTTP\/1\.1 413 .*HTTP\/1\.1 200 /s)
    assert.equal(await call.failed, null)
  })
})

describe('a JSON body', () => {
  test('that is none is told where it breaks off, in no words of its own', async () => {
    const answer = await api.call(PATH, { headers: jsonHeaders, body: '{"reason": "Jane Doe" x}' })
    assert.deepEqual([answer.status, answer.json.code], [400, 'MALFORMED_BODY'])
    assert.match(answer.json.detail, /at position 22/)
    assert.doesNotMatch(answer.text, /Jane/)
    assert.equal(await sentAsJson(' '), '400 MALFORMED_BODY')
    assert.equal(await sentAsJson(''), '422 INVALID_REQUEST')
    assert.equal(await sentAsJson(Buffer.from([0x22, 0xff, 0xfe, 0x22])), '400 MALFORMED_BODY')
  })

  test('pollutes no prototype', async () => {
    for (const text of [
      '{"__proto__": {"dryRun": true}}',
      '{"object": "Contact", "source": {"__proto__": {"type": "ids"}}}',
      '{"constructor": {"prototype": {"dryRun": true}}}',
    ]) {
      assert.equal(await sentAsJson(text), '400 MALFORMED_BODY', text)
    }
    assert.equal(Object.hasOwn(Object.prototype, 'dryRun'), false)
  })

  test('however deep it nests, is refused before it is parsed', async () => {
    const levels = 200_000
    const deep = '['.repeat(levels) + ']'.repeat(levels)
    assert.equal(await sentAsJson(deep), '400 BODY_TOO_DEEP')
    const inIds = `{"source": {"type": "ids", "ids": ${deep}}}`
    assert.equal(await sentAsJson(inIds), '400 BODY_TOO_DEEP')
    assert.equal(await sentAsJson('{"a":'.repeat(100_000)), '400 BODY_TOO_DEEP')
    // With the first block, while the rest is still to come.
    const calls = Array.from({ length: 40 }, () =>
      openCall(api.url, post(JSON_TYPE, `Content-Length: ${REQUEST_BYTES}`) + '['.repeat(1_000)),
    )
    for (const call of calls) assert.match(await call.problem, /^HTTP\/1\.1 400 .*BODY_TOO_DEEP/s)
    for (const call of calls) call.end()
  })

  test('however many values it has, is only wrong', async () => {
    const ids = (n: number) => JSON.stringify({ source: { type: 'ids', ids: ids18(n) } })
    assert.equal(await sentAsJson(ids(10_001)), '422 INVALID_REQUEST')
    assert.equal(await sentAsJson(ids(21_000)), '413 BODY_TOO_LARGE')
    for (const unit of ['1,', '"",', '[],', '{},', '"a":1,']) {
      const [open, close] = unit.includes(':') ? ['{', '}'] : ['[', ']']
      const text = `${open}${unit.repeat(19_000)}${unit.slice(0, -1)}${close}`
      assert.equal(await sentAsJson(text), '422 INVALID_REQUEST', unit)
      assert.equal(await sentAsJson(`{"object":"X","source":${text}}`), '422 INVALID_REQUEST', unit)
    }
  })

  test('is as large as 10,000 ids with room, and no larger', async () => {
    const source = { type: 'ids', ids: ids18(10_000) }
    const full = await api.call(PATH, { json: { org, id: 'full', object: 'Contact', source } })
    assert.equal(full.status, 202, full.text)
    assert.equal(await sentAsJson(' '.repeat(REQUEST_BYTES + 1)), '413 BODY_TOO_LARGE')
    async function* endless() {
      for (let k = 0; k < 100; k++) yield Buffer.alloc(REQUEST_BYTES / 64, ' ')
    }
    assert.equal(await sentAsJson(endless()), '413 BODY_TOO_LARGE')
  })

  test('finds room for itself, or is asked to come again', async (t) => {
    const most = `"${'x'.repeat(REQUEST_BYTES - 1)}`
    const held = post(JSON_TYPE, `Content-Length: ${REQUEST_BYTES}`)
    const calls = Array.from({ length: LIMITS.jsonBytes.total / REQUEST_BYTES + 1 }, () =>
      openCall(api.url, held),
    )
    // All but the last byte of each: one more than there is room for has come.
    for (const call of calls) call.write(most.slice(0, -1))
    const first = await Promise.race(calls.map(({ problem }) => problem))
    assert.match(first, /^HTTP\/1\.1 503 .*retry-after: \d.*"TOO_MANY_UPLOADS"/is)
    for (const call of calls) call.end()
    await Promise.all(calls.map(({ answer }) => answer))
    await until(t, async () => (await sentAsJson(most)) === '400 MALFORMED_BODY')
  })

  test('of another type, or encoded, is refused', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/csv+x',
      'x',
    ]) {
      const { status, json } = await api.call(PATH, {
        body: 'a=b',
        headers: { 'Content-Type': type },
      })
      assert.deepEqual([status, json.code], [415, 'MEDIA_TYPE_NOT_SUPPORTED'], type)
    }
    const query = `${PATH}?org=${org}&object=Contact`
    const headers = { 'Content-Type': 'text/csv', 'Content-Encoding': 'gzip' }
    const json = { ...jsonHeaders, 'Content-Encoding': 'gzip' }
    for (const encoded of [
      await api.call(query, { body: 'Id\n', headers }),
      await api.call(PATH, { body: '{}', headers: json }),
    ]) {
      assert.deepEqual([encoded.status, encoded.json.code], [415, 'MEDIA_TYPE_NOT_SUPPORTED'])
    }
  })

  test('that comes too slowly is not waited for', async () => {
    const answer = await rawCall(hasty.url, post(JSON_TYPE, 'Content-Length: 100'), '{')
    assert.match(answer, /^HTTP\/1\.1 408 .*TOO_SLOW/s)
    const drips = openCall(hasty.url, post(JSON_TYPE, 'Content-Length: 100'))
    drips.drip(' ')
    assert.match(await drips.answer, /^HTTP\/1\.1 408 .*TOO_SLOW/s)
  })
})

describe('an upload', () => {
  test('that is cut short leaves nothing', async (t) => {
    const call = openCall(api.url, csv('cut'))
    call.write(chunk(`Id\n${ids18(100_000).join('\n')}\n`))
    await staged(t, 'cut')
    call.end()
    await call.answer
    await gone(t, 'cut')
    await assertNothingLeft('cut')
  })

  test('that is too slow leaves nothing, and is told so', async () => {
    const call = openCall(hasty.url, csv('slow'))
    call.write(chunk(`Id\n${ids18(100_000).join('\n')}\n`))
    assert.match(await call.answer, /^HTTP\/1\.1 408 .*TOO_SLOW/s)
    await assertNothingLeft('slow')
  })

  test('that is refused is answered while its sender still sends', async () => {
    async function* endless() {
      for (;;) yield Buffer.alloc(64 * 1024, 'x')
    }
    const headers = { 'Content-Type': 'text/csv' }
    const path = `${PATH}?org=${org}&object=Contact&maxRecords=none`
    const answer = await api.call(path, { body: endless(), headers })
    assert.deepEqual([answer.status, answer.json.code], [422, 'INVALID_REQUEST'])
  })

  test('finds room for itself, or is asked to come again', async (t) => {
    const calls = Array.from({ length: LIMITS.uploads.total }, (_, k) =>
      openCall(api.url, csv(`many${k}`)),
    )
    const text = chunk(`Id\n${ids18(60_000).join('\n')}\n`)
    for (const call of calls) call.write(text)
    for (const k of calls.keys()) await staged(t, `many${k}`)
    const headers = { 'Content-Type': 'text/csv' }
    const path = `${PATH}?org=${org}&object=Contact&id=late`
    const late = await api.call(path, { body: 'Id\n', headers })
    assert.deepEqual([late.status, late.json.code], [503, 'TOO_MANY_UPLOADS'])
    assert.match(late.headers.get('retry-after') ?? '', /^\d+$/)
    for (const call of calls) call.end()
    await Promise.all(calls.map(({ answer }) => answer))
    for (const k of calls.keys()) await gone(t, `many${k}`)
    assert.equal((await api.call(path, { body: 'Id\n', headers })).status, 202)
    await assertNothingLeft('many0')
  })
})

/** Resolves once frames of the upload are in Redis. */
const staged = (t: TestContext, id: string) => until(t, () => lotsOf(id))
const gone = (t: TestContext, id: string) => until(t, async () => !(await lotsOf(id)))

async function lotsOf(id: string): Promise<boolean> {
  return (await world.store.staging.lots()).some(({ request }) => request === id)
}

test('a body that nobody reads does not keep its connection', async () => {
  const call = openCall(
    hasty.url,
    head(`GET ${PATH}?org=${org} HTTP/1.1`, 'Content-Length: 1000000').replace(
      'close',
      'keep-alive',
    ),
  )
  call.drip('x')
  assert.match(await call.answer, /^HTTP\/1\.1 200 /)
})

describe('a service that stops', () => {
  test('cuts off what takes too long, of which nothing is left', async (t) => {
    const own = await startApi(t, world, { redis, timeouts: { drainMs: 200 } })
    const call = openCall(own.url, csv('cut-off'))
    call.write(chunk(`Id\n${ids18(100_000).join('\n')}\n`))
    await staged(t, 'cut-off')
    await own.service.stop()
    await call.answer
    await assertNothingLeft('cut-off')
  })

  test('turns away what comes over a connection that it still has', async (t) => {
    const own = await startApi(t, world, { redis })
    const upload = openCall(own.url, csv('last'))
    upload.write(chunk(`Id\n${ids18(100_000).join('\n')}\n`))
    await staged(t, 'last')
    const late = openCall(own.url, `GET ${PATH}?org=${org} HTTP/1.1\r\nHost: localhost\r\n`)
    // Each connection is looked at in its turn: after this one's answer the other's is at work.
    await own.call('/openapi.json')
    const stopped = own.service.stop()
    late.write('\r\n')
    assert.match(await late.answer, /^HTTP\/1\.1 503 .*"code":"STOPPING"/s)
    upload.write('0\r\n\r\n')
    assert.match(await upload.answer, /^HTTP\/1\.1 202 /)
    await stopped
  })
})
