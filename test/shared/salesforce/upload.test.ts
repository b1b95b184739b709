import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { codeOf } from '../../../src/shared/base/errors.ts'
import { guardLength } from '../../../src/shared/salesforce/upload-body.ts'
import { fc } from '../../helpers/fast-check.ts'
import {
  blocks,
  EXPIRED,
  type Handler,
  JOB,
  JOBS,
  job,
  json,
  received,
  setup,
  TOKEN,
} from './fake-salesforce.ts'

const PUT = `PUT ${JOBS}/${JOB}/batches`

const store: Handler = async (request, response) => {
  await received(request)
  response.writeHead(201).end()
}

test('an upload is one PUT of CSV with its exact length', async (t) => {
  const { salesforce, server } = await setup(t, { [PUT]: store })
  await salesforce.ingest.upload(JOB, { bytes: 6, stream: blocks('Id', '', '\n', '003') })
  const { method, headers, body, complete } = server.seen[1] ?? assert.fail()
  assert.deepEqual([method, body, complete], ['PUT', 'Id\n003', true])
  assert.equal(headers['content-length'], '6')
  assert.equal(headers['content-type'], 'text/csv')
  assert.equal(headers['transfer-encoding'], undefined)
})

const broken = new Error('Redis went away')
async function* breaking() {
  yield Buffer.from('Id\n')
  throw broken
}
for (const [what, body, expected] of [
  [
    'is short',
    { bytes: 10, stream: blocks('Id\n', '003') },
    /Expected an upload of 10 bytes, got 6/,
  ],
  ['is empty', { bytes: 10, stream: blocks() }, /got 0/],
  ['is long by a block', { bytes: 6, stream: blocks('Id\n', '003', 'x') }, /of 6 bytes, got more/],
  ['is long within its last block', { bytes: 6, stream: blocks('Id\n', '003x') }, /got more/],
  ['is long within its only block', { bytes: 2, stream: blocks('Id\n') }, /got more/],
  ['breaks off', { bytes: 6, stream: breaking() }, broken],
] as const) {
  test(`a body that ${what} never completes, and its own error is thrown`, async (t) => {
    const { salesforce, server } = await setup(t, {
      [PUT]: store,
      [`GET ${JOBS}/${JOB}`]: (_, response) => json(response, 200, job()),
    })
    await assert.rejects(salesforce.ingest.upload(JOB, body), expected)
    // The server has worked off what came before this.
    await salesforce.ingest.get(JOB)
    const uploads = server.seen.filter(({ method }) => method === 'PUT')
    assert.ok(uploads.every(({ complete }) => !complete))
  })
}

test('an upload is guarded to the byte, whatever its blocks', async () => {
  const sizes = fc.array(fc.nat(5), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(30), async (lengths, bytes) => {
      const total = lengths.reduce((sum, length) => sum + length, 0)
      const body = blocks(...lengths.map((length) => 'x'.repeat(length)))
      const guarded = guardLength({ bytes, stream: body })
      let passed = 0
      try {
        for await (const block of guarded.stream) passed += block.byteLength
        assert.equal(total, bytes)
        assert.equal(passed, bytes)
        assert.ok(guarded.complete())
      } catch (error) {
        assert.equal(codeOf(error), 'UPLOAD_LENGTH_MISMATCH')
        assert.ok(total !== bytes || bytes === 0)
        assert.ok(passed < bytes || bytes === 0)
        assert.deepEqual(guarded.failure(), { error })
      }
    }),
  )
})

test('the body is asked for no faster than the server takes it', async (t) => {
  const asked = Promise.withResolvers<void>()
  const { salesforce } = await setup(t, {
    [PUT]: (request) => {
      // A handler without a reader: the socket fills up.
      request.pause()
      request.removeAllListeners('data')
      asked.resolve()
    },
  })
  let taken = 0
  const block = Buffer.alloc(1 << 20, 'x')
  async function* endless() {
    for (; taken < 200; taken++) yield block
  }
  const stop = new AbortController()
  const upload = salesforce.ingest.upload(JOB, { bytes: 200 << 20, stream: endless() }, stop.signal)
  await asked.promise
  for (let n = 0; n < 20; n++) await salesforce.ingest.remove('gone')
  assert.ok(taken < 50, `${taken} MB were read ahead`)
  const reason = new Error('told to stop')
  stop.abort(reason)
  await assert.rejects(upload, reason)
})

/** A body far larger than any socket's buffer, that tells when it was let go. */
function largeBody() {
  const bytes = 64 << 20
  const released = Promise.withResolvers<void>()
  async function* stream() {
    try {
      for (let n = 0; n < 64; n++) {
        yield Buffer.alloc(1 << 20, 'x')
        await new Promise(setImmediate)
      }
    } finally {
      released.resolve()
    }
  }
  return { body: { bytes, stream: stream() }, released: released.promise }
}

for (const [status, code, kind] of [
  [401, 'INVALID_SESSION_ID', 'org-fault'],
  [413, 'HTTP_413', 'too-large'],
  [503, 'HTTP_503', 'org-fault'],
] as const) {
  for (const connection of ['keep-alive', 'close']) {
    test(`${status} before the body is read, then ${connection}, is told as ${status}`, async (t) => {
      const { salesforce } = await setup(t, {
        [PUT]: (_, response) => {
          const body = status === 401 ? JSON.stringify(EXPIRED) : ''
          response.writeHead(status, { connection, 'content-length': body.length }).end(body)
        },
      })
      const { body, released } = largeBody()
      await assert.rejects(salesforce.ingest.upload(JOB, body), { code, kind, httpStatus: status })
      await released
    })
  }
}

test('an upload refused for its token is not repeated, but the next has a new token', async (t) => {
  const { salesforce, server } = await setup(t, {
    [PUT]: async (request, response) => {
      await received(request)
      if (request.headers.authorization === `Bearer ${TOKEN(1)}`) json(response, 401, EXPIRED)
      else response.writeHead(201).end()
    },
  })
  const upload = () => salesforce.ingest.upload(JOB, { bytes: 3, stream: blocks('Id\n') })
  await assert.rejects(upload(), { code: 'INVALID_SESSION_ID', kind: 'org-fault' })
  assert.equal(server.calls().filter((call) => call === PUT).length, 1)
  await upload()
  assert.equal(server.calls().filter((call) => call.includes('token')).length, 2)
})

test('an upload is never repeated, whatever became of it', async (t) => {
  for (const handler of [
    (request: { socket: { resetAndDestroy(): unknown } }) => void request.socket.resetAndDestroy(),
    (_: unknown, response: Parameters<typeof json>[0]) => json(response, 503, []),
  ]) {
    const { salesforce, server } = await setup(t, {
      [PUT]: async (request, response) => {
        await received(request)
        handler(request, response)
      },
    })
    const upload = salesforce.ingest.upload(JOB, { bytes: 3, stream: blocks('Id\n') })
    await assert.rejects(upload, { kind: 'org-fault' })
    assert.equal(server.calls().filter((call) => call === PUT).length, 1)
  }
})

test('a second upload is known by its message', async (t) => {
  const message = `Found multiple contents for job: <${JOB}>, please 'Close' the current Job`
  const { salesforce } = await setup(t, {
    [PUT]: async (request, response) => {
      await received(request)
      json(response, 400, [{ errorCode: 'API_ERROR', message }])
    },
  })
  const upload = salesforce.ingest.upload(JOB, { bytes: 3, stream: blocks('Id\n') })
  await assert.rejects(upload, { kind: 'already-uploaded', message: new RegExp(JOB) })
})

test('a success before the whole body was sent is no success', async (t) => {
  const { salesforce } = await setup(t, {
    [PUT]: (request, response) => {
      request.pause()
      response.writeHead(201, { 'content-length': '0' }).end()
    },
  })
  const { body } = largeBody()
  await assert.rejects(salesforce.ingest.upload(JOB, body), { code: 'UPLOAD_CUT_SHORT' })
})

test('an abort breaks the upload off and lets go of the body', async (t) => {
  const aborted = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const { salesforce } = await setup(t, {
    [PUT]: (request) => {
      once(request, 'data').then(() => arrived.resolve(), arrived.reject)
      request.on('aborted', () => aborted.resolve())
    },
  })
  const { body, released } = largeBody()
  const stop = new AbortController()
  const upload = salesforce.ingest.upload(JOB, body, stop.signal)
  await arrived.promise
  const reason = new Error('told to stop')
  stop.abort(reason)
  await assert.rejects(upload, reason)
  await Promise.all([aborted.promise, released])
})
