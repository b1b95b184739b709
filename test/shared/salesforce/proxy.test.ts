import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ConfigError } from '../../../src/shared/base/errors.ts'
import { SalesforceError } from '../../../src/shared/salesforce/errors.ts'
import { proxyProblem } from '../../../src/shared/salesforce/proxy-refusal.ts'
import { JOB, JOBS, job, json, setup } from './fake-salesforce.ts'

/** A proxy that keeps what it was asked for and, where told, tunnels there. */
async function proxy(t: TestContext, tunnelTo?: number, status = 403) {
  const asked: { line: string; headers: Record<string, unknown> }[] = []
  const server = createServer((request, response) => {
    asked.push({ line: `${request.method} ${request.url}`, headers: request.headers })
    response.writeHead(502).end()
  })
  server.on('connect', (request, socket) => {
    asked.push({ line: `CONNECT ${request.url}`, headers: request.headers })
    socket.on('error', () => {})
    if (tunnelTo === undefined) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)
    const target = connect(tunnelTo, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(target).pipe(socket)
    })
    target.on('error', () => socket.destroy())
    t.after(() => target.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return { asked, url: `http://proxy-user:proxy-password@127.0.0.1:${port}` }
}

for (const [status, advice] of [
  [407, /Give a user and a password that it takes in HTTPS_PROXY/],
  [403, /allow CONNECT to that host and port, or exempt the host in NO_PROXY/],
] as const) {
  test(`a proxy that answers CONNECT with ${status} is tried four times, then named as a wrong setting`, async (t) => {
    const { asked, url } = await proxy(t, undefined, status)
    const { salesforce } = await setup(t, {}, { credentials, proxyEnv: { HTTPS_PROXY: url } })
    const error = await salesforce.limits().catch((reason: unknown) => reason)
    assert.ok(error instanceof SalesforceError)
    assert.deepEqual([error.code, error.kind, asked.length], ['PROXY_REFUSED', 'org-fault', 4])
    const host = new URL(url).host
    assert.ok(error.message.startsWith(`The proxy ${host} refused the call limits, a tunnel to `))
    assert.match(error.message, new RegExp(`acme\\.my\\.salesforce\\.com:443, with ${status}\\. `))
    assert.match(error.message, advice)
    assert.doesNotMatch(error.message, /proxy-password|proxy-user/)
    const problem = proxyProblem(error)
    assert.deepEqual(
      problem?.problems.map(({ setting }) => setting),
      ['HTTPS_PROXY'],
    )
  })
}

test('a proxy that cannot reach the host is an outage', async (t) => {
  for (const status of [502, 503, 504, 429]) {
    const { url } = await proxy(t, undefined, status)
    const { salesforce } = await setup(t, {}, { credentials, proxyEnv: { HTTPS_PROXY: url } })
    const error = await salesforce.ingest.close(JOB).catch((reason: unknown) => reason)
    assert.ok(error instanceof SalesforceError)
    assert.deepEqual([error.code, error.transient], ['ERR_PROXY_TUNNEL', true])
    assert.equal(proxyProblem(error), null)
  }
})

const credentials = {
  kind: 'token',
  instanceUrl: 'https://acme.my.salesforce.com',
  accessToken: '00D5f000004XZjp!given.token',
} as const

test('https goes through a tunnel of HTTPS_PROXY, which sees neither token nor path', async (t) => {
  const { asked, url } = await proxy(t)
  const { salesforce } = await setup(t, {}, { credentials, proxyEnv: { HTTPS_PROXY: url } })
  await assert.rejects(
    salesforce.ingest.close(JOB),
    (error: Error) => !JSON.stringify([error, error.message]).includes('proxy-password'),
  )
  assert.deepEqual(
    asked.map(({ line }) => line),
    ['CONNECT acme.my.salesforce.com:443'],
  )
  assert.doesNotMatch(JSON.stringify(asked), /given|ingest/)
})

test('what comes out of the tunnel is the TLS handshake', async (t) => {
  const hello = Promise.withResolvers<Buffer>()
  const target = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (bytes: Buffer) => {
      hello.resolve(bytes)
      socket.destroy()
    })
  })
  target.listen(0, '127.0.0.1')
  await once(target, 'listening')
  t.after(() => target.close())
  const { url } = await proxy(t, (target.address() as AddressInfo).port)
  const { salesforce } = await setup(t, {}, { credentials, proxyEnv: { https_proxy: url } })
  await assert.rejects(salesforce.ingest.close(JOB), { kind: 'org-fault' })
  // A ClientHello: record type 22, naming the host it wants.
  const bytes = await hello.promise
  assert.equal(bytes[0], 22)
  assert.ok(bytes.includes('acme.my.salesforce.com'))
})

test('a host in NO_PROXY is called without the proxy', async (t) => {
  const { asked, url } = await proxy(t)
  const direct = { ...credentials, instanceUrl: 'https://127.0.0.1:9' }
  for (const exempt of [{ NO_PROXY: '127.0.0.1' }, { no_proxy: 'example.com,127.0.0.1' }]) {
    const proxyEnv = { HTTPS_PROXY: url, ...exempt }
    const { salesforce } = await setup(t, {}, { credentials: direct, proxyEnv })
    await assert.rejects(salesforce.ingest.close(JOB), { code: 'ECONNREFUSED' })
  }
  assert.deepEqual(asked, [])
})

test('plain http to this machine never leaves it through a proxy', async (t) => {
  const { asked, url } = await proxy(t)
  const routes = {
    [`GET ${JOBS}/${JOB}`]: (_: unknown, response: Parameters<typeof json>[0]) =>
      json(response, 200, job()),
  }
  const proxyEnv = { HTTP_PROXY: url, HTTPS_PROXY: url }
  const { salesforce } = await setup(t, routes, { proxyEnv })
  await salesforce.ingest.get(JOB)
  assert.deepEqual(asked, [])
})

test('a proxy that is no URL is refused at once, without its password', async (t) => {
  for (const HTTPS_PROXY of ['proxy:hunter2', 'socks5://user:hunter2@proxy:1080']) {
    await assert.rejects(
      setup(t, {}, { proxyEnv: { HTTPS_PROXY } }),
      (error) => error instanceof ConfigError && !error.message.includes('hunter2'),
    )
  }
})
