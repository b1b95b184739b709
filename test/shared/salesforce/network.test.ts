import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { SalesforceError } from '../../../src/shared/salesforce/errors.ts'
import {
  blocks,
  type Handler,
  JOB,
  JOBS,
  job,
  json,
  type SalesforceOptions,
  setup,
} from './fake-salesforce.ts'

/** The network at its worst: every case is an org fault that says what broke and where to look. */

/** Where silence is what is tested. */
const SHORT = { connect: 100, response: 150, idle: 150 }
/** Where an answer is: a slow machine must not pass for silence. */
const LONG = { connect: 20_000, response: 20_000, idle: 20_000 }

/** Of a client that holds a token for this host. */
async function failureAt(
  t: TestContext,
  instanceUrl: string,
  options: Partial<SalesforceOptions> = {},
): Promise<SalesforceError> {
  const credentials = {
    kind: 'token',
    instanceUrl,
    accessToken: '00D5f000004XZjp!given.token',
  } as const
  const { salesforce } = await setup(t, {}, { credentials, timeouts: LONG, ...options })
  return failureOf(salesforce.ingest.close(JOB))
}

async function failureOf(call: Promise<unknown>): Promise<SalesforceError> {
  try {
    await call
  } catch (error) {
    assert.ok(error instanceof SalesforceError, String(error))
    assert.equal(error.kind, 'org-fault')
    assert.equal(error.retryable, true)
    return error
  }
  return assert.fail('expected a fault')
}

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const silent = (t: TestContext) => listen(t, createServer())

test('a host that has no address', async (t) => {
  const { code, message } = await failureAt(t, 'https://acme.invalid', { timeouts: SHORT })
  // Without a network there is nobody to say that there is no such name.
  assert.ok(['ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT'].includes(code), code)
  assert.match(message, /https:\/\/acme\.invalid to the call close: .*check the network/)
})

test('a port that does not speak TLS', async (t) => {
  const { server } = await setup(t)
  const { code, message } = await failureAt(t, server.url.replace('http:', 'https:'))
  assert.equal(code, 'EPROTO')
  assert.match(message, /to the call close: TLS failed, wrong version number, EPROTO\./)
})

test('a certificate that nobody vouches for', async (t) => {
  const port = await listen(t, createHttpsServer({ cert: CERTIFICATE, key: KEY }))
  const { code, message } = await failureAt(t, `https://localhost:${port}`)
  assert.equal(code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
  assert.match(message, /NODE_EXTRA_CA_CERTS/)
})

test('silence where TLS should begin', async (t) => {
  const { code } = await failureAt(t, `https://127.0.0.1:${await silent(t)}`, {
    timeouts: SHORT,
  })
  assert.equal(code, 'ETIMEDOUT')
})

for (const [what, proxyPort, code] of [
  ['is away', async () => 9, 'ECONNREFUSED'],
  ['says nothing', silent, 'ERR_PROXY_TUNNEL'],
  [
    'hangs up',
    (t: TestContext) =>
      listen(
        t,
        createServer((socket) => void socket.destroy()),
      ),
    /ERR_PROXY_TUNNEL|ECONNRESET/,
  ],
] as const) {
  test(`a proxy that ${what}`, async (t) => {
    const HTTPS_PROXY = `http://user:hunter2@127.0.0.1:${await proxyPort(t)}`
    const error = await failureAt(t, 'https://acme.my.salesforce.com', {
      proxyEnv: { HTTPS_PROXY },
      ...(proxyPort === silent ? { timeouts: SHORT } : {}),
    })
    assert.match(error.code, new RegExp(code))
    assert.match(error.message, /HTTPS_PROXY and NO_PROXY/)
    assert.doesNotMatch(error.message, /hunter2/)
  })
}

for (const [what, text, code] of [
  ['that is no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', /^HPE_/],
  ['that breaks off in its head', 'HTTP/1.1 200 OK\r\nContent-Ty', /^ECONNRESET$/],
  ['that is never begun', '', /^ECONNRESET$/],
] as const) {
  test(`an answer ${what}`, async (t) => {
    const answer: Handler = (request) => void request.socket.end(text)
    const { salesforce } = await setup(t, { [`PATCH ${JOBS}/${JOB}`]: answer })
    assert.match((await failureOf(salesforce.ingest.close(JOB))).code, code)
  })
}

test('a connection that the server closed while it was kept: GET goes on, POST is left to the caller', async (t) => {
  let calls = 0
  // Every second call meets a connection on which the server has just hung up.
  const hangUp: Handler = (request, response) => {
    calls += 1
    if (calls % 2 === 0) request.socket.destroy()
    else json(response, 200, job())
  }
  const { salesforce, outcomes } = await setup(t, { '*': hangUp })
  await salesforce.ingest.get(JOB)
  await salesforce.ingest.get(JOB)
  const create = () => salesforce.ingest.create({ object: 'Contact', operation: 'delete' })
  assert.equal((await failureOf(create())).code, 'ECONNRESET')
  assert.equal((await create()).id, JOB)
  assert.deepEqual(outcomes(), [
    'token 200',
    'get 200',
    'get network',
    'get 200',
    'create network',
    'create 200',
  ])
})

const CSV = `"sf__Id","sf__Error",Id\n${'"","DELETE_FAILED:no:--","003000000000001AAA"\n'.repeat(2000)}`
const GZIP = gzipSync(CSV)
const asCsv = { 'content-type': 'text/csv' }
const zipped = { ...asCsv, 'content-encoding': 'gzip' }

/** Each sends a part of a result file. */
const PARTS: Readonly<Record<string, readonly [Handler, code: string]>> = {
  'shorter than its Content-Length': [
    (_, response) => {
      response.writeHead(200, { ...asCsv, 'content-length': CSV.length })
      response.write(CSV.slice(0, 1000), () => response.socket?.end())
    },
    'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  ],
  'without its last chunk': [
    (_, response) => {
      response.writeHead(200, asCsv)
      response.write(CSV.slice(0, 1000), () => response.socket?.end())
    },
    'ECONNRESET',
  ],
  'reset in its middle': [
    (_, response) => {
      response.writeHead(200, asCsv)
      response.write(CSV.slice(0, 1000), () => response.socket?.resetAndDestroy())
    },
    'ECONNRESET',
  ],
  'that falls silent': [
    (_, response) => {
      response.writeHead(200, asCsv)
      response.write(CSV.slice(0, 1000))
    },
    'ETIMEDOUT',
  ],
  'compressed, whole in HTTP but not in itself': [
    (_, response) => {
      response.writeHead(200, zipped).end(GZIP.subarray(0, GZIP.length - 20))
    },
    'ERR_READING_RESPONSE_STREAM',
  ],
  'said to be compressed that is not': [
    (_, response) => {
      response.writeHead(200, zipped).end(CSV)
    },
    'ERR_READING_RESPONSE_STREAM',
  ],
}

for (const [what, [handler, code]] of Object.entries(PARTS)) {
  test(`a result file ${what} throws, it never just ends`, async (t) => {
    const path = `GET ${JOBS}/${JOB}/failedResults`
    const { salesforce } = await setup(
      t,
      { [path]: handler },
      { timeouts: code === 'ETIMEDOUT' ? SHORT : LONG },
    )
    const read = async () => {
      for await (const _ of salesforce.ingest.failedResults(JOB));
    }
    const error = await failureOf(read())
    assert.deepEqual([error.code, error.transient], [code, true])
  })
}

const PUT = `PUT ${JOBS}/${JOB}/batches`

for (const [what, handler] of [
  ['nobody reads', (request) => void request.pause().removeAllListeners('data')],
  ['is read and never answered', (request) => void request.resume()],
] as const satisfies readonly (readonly [string, Handler])[]) {
  test(`an upload that ${what} is given up after the silence allowed`, async (t) => {
    const { salesforce, outcomes } = await setup(t, { [PUT]: handler }, { timeouts: SHORT })
    const bytes = 64 << 20
    const stream = blocks(...Array<string>(64).fill('x'.repeat(1 << 20)))
    const { code } = await failureOf(salesforce.ingest.upload(JOB, { bytes, stream }))
    assert.equal(code, 'ETIMEDOUT')
    assert.deepEqual(outcomes(), ['token 200', 'upload timeout'])
  })
}

test('a page of HTML for an upload is no success: the API never saw the file', async (t) => {
  const { salesforce } = await setup(t, {
    [PUT]: (request, response) => {
      request.on('end', () => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>')
      })
    },
  })
  const upload = salesforce.ingest.upload(JOB, { bytes: 3, stream: blocks('Id\n') })
  assert.equal((await failureOf(upload)).code, 'NOT_AN_ANSWER')
})

/** Self-signed for localhost until 2126, for this file alone: everybody has its key. */
const CERTIFICATE = pem(
  'CERTIFICATE',
  'MIIBgDCCASWgAwIBAgIUPaCw/xwhWZOAb+LdRCdJzrEzlx0wCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3' +
    'N0MCAXDTI2MTEyNTAyMzkxMFoYDzIxMjYxMTAxMDIzOTEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjO' +
    'PQIBBggqhkjOPQMBBwNCAATRFHt1v9dHQdgLzJ4SY6RixIr502qF5oFRJxMlnTVeaBNcMC1l1NQ0Waih6DywwgN2A7' +
    'f4o7/Bc8CjoVRchFjpo1MwUTAdBgNVHQ4EFgQUcosJD7IchSCucSNIceFDCazyp6cwHwYDVR0jBBgwFoAUcosJD7Ic' +
    'hSCucSNIceFDCazyp6cwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA5e9Vgg6A4mLqWk7qth5nK7' +
    '6Xnb6jpG1j0w3nKZ9tXsUCIQDvOa5qNaddtQ1n7ASXmcVA7A2wttP+7jgYoLdgdzvUEQ==',
)
const KEY = pem(
  'PRIVATE KEY',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbiwX5WZi9pobG42ft8avxM2CkldJKuNaI2+Ys32/zV' +
    'mhRANCAATRFHt1v9dHQdgLzJ4SY6RixIr502qF5oFRJxMlnTVeaBNcMC1l1NQ0Waih6DywwgN2A7f4o7/Bc8CjoVRc' +
    'hFjp',
)

function pem(label: string, base64: string): string {
  return `-----BEGIN ${label}-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`
}
