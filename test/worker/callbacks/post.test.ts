import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { systemClock } from '../../../src/shared/base/clock.ts'
import { parseNetwork } from '../../../src/shared/base/ip-network.ts'
import type { Allowance } from '../../../src/shared/config/network.ts'
import { postCallback } from '../../../src/worker/callbacks/post.ts'
import { signatureHeaders } from '../../../src/worker/callbacks/signing.ts'
import type { Resolve } from '../../../src/worker/outbound/guard.ts'
import { selfSigned } from '../../helpers/certificate.ts'

const EVENT = {
  id: 'gdpr-1',
  org: 'default',
  status: 'deleting',
  at: '2026-11-25T09:30:00.000Z',
} as const
const SECRETS = ['first-secret', 'second-secret'] as const
const NOW = Date.parse('2026-11-25T09:30:01Z')

const allowing = (...networks: readonly string[]): readonly Allowance[] =>
  networks.map((text) => {
    const network = parseNetwork(text)
    assert.ok(network !== undefined, text)
    return { kind: 'network', network }
  })
const LOOPBACK = allowing('127.0.0.1')

const post = (url: string, options: Partial<Parameters<typeof postCallback>[2]> = {}) =>
  postCallback(url, EVENT, {
    allow: LOOPBACK,
    timeoutMs: 5000,
    secrets: SECRETS,
    clock: { ...systemClock, now: () => NOW },
    version: '1.2.3',
    ...options,
  })

interface Heard {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver on loopback that keeps what it hears and answers as told. */
async function receiver(
  t: TestContext,
  answer: RequestListener = (_, response) => void response.writeHead(204).end(),
  { tls, address = '127.0.0.1', port = 0 }: Place = {},
) {
  const heard: Heard[] = []
  let connections = 0
  const listener: RequestListener = async (request, response) => {
    const { method, url, headers } = request
    heard.push({ method, url, headers, body: await text(request) })
    answer(request, response)
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.on('connection', () => connections++)
  server.listen(port, address)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = portOf(server.address())
  return { heard, connections: () => connections, port: at, url: `http://${address}:${at}` }
}

interface Place {
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly address?: string
  readonly port?: number
}

function portOf(address: AddressInfo | string | null): number {
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

const answering =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(status, headers).end('something')

test('a callback is one POST of JSON, signed with every secret', async (t) => {
  const { heard, url, connections } = await receiver(t)
  assert.deepEqual(await post(`${url}/hook?token=t`), { result: 'delivered', status: 204 })
  const [one, another] = heard
  assert.ok(one !== undefined && another === undefined)
  assert.deepEqual([one.method, one.url], ['POST', '/hook?token=t'])
  assert.deepEqual(JSON.parse(one.body), EVENT)
  assert.equal(one.headers['content-type'], 'application/json')
  assert.equal(one.headers['content-length'], String(Buffer.byteLength(one.body)))
  assert.equal(one.headers['user-agent'], 'expunge/1.2.3')
  for (const [name, value] of Object.entries(
    signatureHeaders(
      { url: new URL(`${url}/hook`), event: 'default/gdpr-1/deleting', body: one.body },
      SECRETS,
      NOW,
    ),
  )) {
    assert.equal(one.headers[name], value)
  }
  await post(url)
  assert.equal(connections(), 2)
})

test('the status of the answer decides', async (t) => {
  const cases = [
    [200, 'delivered'],
    [299, 'delivered'],
    [304, 'rejected'],
    [400, 'rejected'],
    [401, 'rejected'],
    [404, 'rejected'],
    [410, 'rejected'],
    [408, 'unavailable'],
    [425, 'unavailable'],
    [429, 'unavailable'],
    [500, 'unavailable'],
    [503, 'unavailable'],
  ] as const
  for (const [status, result] of cases) {
    const { url, heard } = await receiver(t, answering(status))
    const posted = await post(url)
    assert.equal(posted.result, result, `${status}`)
    assert.equal(heard.length, 1)
  }
})

test('Retry-After is handed on, in seconds or as a date', async (t) => {
  for (const [header, retryAfterMs] of [
    ['7', 7000],
    [new Date(NOW + 60_000).toUTCString(), 60_000],
    ['soon', null],
  ] as const) {
    const { url } = await receiver(t, answering(429, { 'retry-after': header }))
    const reason = 'answered 429'
    assert.deepEqual(await post(url), { result: 'unavailable', reason, retryAfterMs })
  }
})

test('a redirect is not followed, not even to where callbacks may go', async (t) => {
  const target = await receiver(t)
  for (const status of [301, 302, 303, 307, 308]) {
    const { url } = await receiver(t, answering(status, { location: target.url }))
    const posted = await post(url)
    assert.ok(posted.result === 'rejected' && posted.status === status)
    assert.match(posted.reason, /redirect/)
  }
  assert.equal(target.connections(), 0)
})

test('an address that is not allowed is never connected to', async (t) => {
  const { connections, port } = await receiver(t)
  for (const url of [`https://127.0.0.1:${port}`, `http://localhost:${port}`, 'https://[::1]']) {
    const posted = await post(url, { allow: [] })
    assert.equal(posted.result, 'refused-address', url)
  }
  assert.equal(connections(), 0)
})

/** Answers each in turn, the last for ever, and counts how often it was asked. */
function changing(...answers: readonly (readonly string[])[]) {
  let asked = 0
  const resolve: Resolve = async () => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? []
    asked += 1
    return addresses.map((address) => ({ address, family: 4 }))
  }
  return { resolve, asked: () => asked }
}

test('a name leads to the one answer of the DNS that was checked, by TLS too', async (t) => {
  const tls = selfSigned('hooks.example')
  const authorities = getCACertificates('default')
  t.after(() => setDefaultCACertificates(authorities))
  setDefaultCACertificates([tls.cert])
  const checked = await receiver(t, undefined, { tls })
  const other = await receiver(t, undefined, { tls, address: '127.0.0.2', port: checked.port })
  const { resolve, asked } = changing(['127.0.0.1'], ['127.0.0.2'])
  // Tests cannot listen at the ports of https, and for any other the host has to be named.
  const allow: readonly Allowance[] = [{ kind: 'host', host: 'hooks.example' }]
  const posted = await post(`https://hooks.example:${checked.port}/`, { allow, resolve })
  assert.deepEqual(posted, { result: 'delivered', status: 204 })
  assert.equal(asked(), 1)
  assert.deepEqual([checked.connections(), other.connections()], [1, 0])
})

test('a name that leads to a forbidden address is refused, whatever the DNS says next', async () => {
  for (const forbidden of [['127.0.0.2'], ['127.0.0.1', '10.0.0.1'], ['169.254.169.254']]) {
    const { resolve, asked } = changing(forbidden, ['127.0.0.1'])
    const posted = await post('https://hooks.example/', { resolve })
    assert.equal(posted.result, 'refused-address')
    assert.equal(asked(), 1)
  }
})

test('a certificate for another host, or of nobody known, is no delivery', async (t) => {
  const tls = selfSigned('other.example')
  const { port, heard } = await receiver(t, undefined, { tls })
  const allow: readonly Allowance[] = [{ kind: 'host', host: 'hooks.example' }]
  const { resolve } = changing(['127.0.0.1'])
  const url = `https://hooks.example:${port}/`
  const unknown = await post(url, { allow, resolve })
  assert.ok(unknown.result === 'unavailable')
  assert.match(unknown.reason, /SELF_SIGNED/)
  const authorities = getCACertificates('default')
  t.after(() => setDefaultCACertificates(authorities))
  setDefaultCACertificates([tls.cert])
  const another = await post(url, { allow, resolve })
  assert.ok(another.result === 'unavailable')
  assert.equal(another.reason, 'ERR_TLS_CERT_ALTNAME_INVALID')
  assert.deepEqual(heard, [])
})

test('what keeps a receiver from answering is told by its code alone', async (t) => {
  const reset = await receiver(t, (request) => void request.socket.resetAndDestroy())
  const babble = createTcpServer((socket) => void socket.end('hello\r\n')).listen(0, '127.0.0.1')
  await once(babble, 'listening')
  t.after(() => void babble.close())
  const failing: Resolve = async () => {
    throw Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' })
  }
  for (const [url, reason, options] of [
    [`${reset.url}/?token=hunter2`, /^ECONNRESET$/, {}],
    ['http://127.0.0.1:1/?token=hunter2', /^ECONNREFUSED$/, {}],
    [`http://127.0.0.1:${portOf(babble.address())}/`, /^HPE_/, {}],
    ['https://hooks.example/', /^EAI_AGAIN$/, { resolve: failing }],
    ['https://hooks.example/', /^ENOTFOUND$/, { resolve: changing([]).resolve }],
  ] as const) {
    const posted = await post(url, options)
    assert.ok(posted.result === 'unavailable')
    assert.match(posted.reason, reason)
    assert.equal(posted.retryAfterMs, null)
  }
})

test('a receiver that does not answer is given up on', async (t) => {
  const { url } = await receiver(t, () => {})
  assert.deepEqual(await post(url, { timeoutMs: 100 }), {
    result: 'unavailable',
    reason: 'no answer within 100 ms',
    retryAfterMs: null,
  })
})

test('a name server that does not answer is given up on', async () => {
  const silent: Resolve = () => new Promise(() => {})
  const posted = await post('https://hooks.example/', { resolve: silent, timeoutMs: 100 })
  assert.equal(posted.result, 'unavailable')
})

test('an answer without end is cut off, and its status counts', async (t) => {
  const ended = Promise.withResolvers<void>()
  const endless: RequestListener = (_, response) => {
    response.writeHead(200)
    const pour = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384))) {}
    }
    response.on('drain', pour).on('close', ended.resolve)
    pour()
  }
  const { url } = await receiver(t, endless)
  assert.deepEqual(await post(url), { result: 'delivered', status: 200 })
  await ended.promise
})

test('an answer that breaks off counts by its status', async (t) => {
  const { url } = await receiver(t, (_, response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('half', () => response.destroy())
  })
  assert.deepEqual(await post(url), { result: 'delivered', status: 200 })
})

test('an abort ends a callback under way with the reason given', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const { url, connections } = await receiver(t, () => arrived.resolve())
  const stop = new AbortController()
  const posting = post(url, { signal: stop.signal })
  await arrived.promise
  const reason = new Error('told to stop')
  stop.abort(reason)
  await assert.rejects(posting, reason)
  await assert.rejects(post(url, { signal: stop.signal }), reason)
  assert.equal(connections(), 1)
})
