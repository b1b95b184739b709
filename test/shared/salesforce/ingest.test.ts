import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { isTerminalState } from '../../../src/shared/salesforce/job-info.ts'
import {
  blocks,
  type Handler,
  JOB,
  JOBS,
  job,
  json,
  received,
  setup,
  textOf,
} from './fake-salesforce.ts'

const FAILED = '"sf__Id","sf__Error",Id\n"","DELETE_FAILED:no:--","003R00000aBcDeGIAV"\n'

test('each call is its endpoint, verb and body as documented', async (t) => {
  const { salesforce, server } = await setup(t, {
    '*': async (request, response) => {
      await received(request)
      const { method, path } = request.seen
      if (path.endsWith('batches')) return void response.writeHead(201).end()
      if (method === 'DELETE') return void response.writeHead(204).end()
      if (/esults|unprocessed/.test(path)) return void response.end('Id\n')
      json(response, 200, job())
    },
  })
  const { ingest } = salesforce
  await ingest.create({ object: 'Contact', operation: 'hardDelete' })
  await ingest.upload(JOB, { bytes: 3, stream: blocks('Id\n') })
  await ingest.close(JOB)
  await ingest.get(JOB)
  await textOf(ingest.failedResults(JOB))
  await textOf(ingest.successfulResults(JOB))
  await textOf(ingest.unprocessedRecords(JOB))
  await ingest.abort(JOB)
  await ingest.remove(JOB)
  assert.deepEqual(
    server.seen.slice(1).map(({ method, path, body }) => [method, path, body]),
    [
      [
        'POST',
        JOBS,
        '{"object":"Contact","operation":"hardDelete","contentType":"CSV","lineEnding":"LF"}',
      ],
      ['PUT', `${JOBS}/${JOB}/batches`, 'Id\n'],
      ['PATCH', `${JOBS}/${JOB}`, '{"state":"UploadComplete"}'],
      ['GET', `${JOBS}/${JOB}`, ''],
      ['GET', `${JOBS}/${JOB}/failedResults`, ''],
      ['GET', `${JOBS}/${JOB}/successfulResults`, ''],
      ['GET', `${JOBS}/${JOB}/unprocessedrecords`, ''],
      ['PATCH', `${JOBS}/${JOB}`, '{"state":"Aborted"}'],
      ['DELETE', `${JOBS}/${JOB}`, ''],
    ],
  )
})

test('a job is read leniently: unknown fields ignored, missing counters null, status for state', async (t) => {
  let answer: unknown
  const { salesforce } = await setup(t, {
    [`GET ${JOBS}/${JOB}`]: (_, response) => json(response, 200, answer),
  })
  for (const [over, expected] of [
    [{ state: 'JobComplete', somethingNew: {} }, 'JobComplete'],
    [{ state: undefined, status: 'Failed' }, 'Failed'],
    [{ state: 'uploadComplete', apiVersion: '61.0' }, 'UploadComplete'],
    [{ state: undefined, status: 'aborted', apiVersion: undefined }, 'Aborted'],
    [{ state: 'Paused' }, 'Paused'],
  ] as const) {
    answer = job(over)
    const info = await salesforce.ingest.get(JOB)
    assert.equal(info.state, expected)
    assert.deepEqual([info.numberRecordsProcessed, info.numberRecordsFailed], [null, null])
    assert.equal(info.errorMessage, null)
  }
  answer = job({
    state: 'Failed',
    numberRecordsProcessed: 7,
    numberRecordsFailed: 2,
    retries: 1,
    totalProcessingTime: 886,
    errorMessage: 'InvalidBatch : no',
  })
  assert.deepEqual(await salesforce.ingest.get(JOB), {
    id: JOB,
    state: 'Failed',
    object: 'Contact',
    operation: 'delete',
    systemModstamp: '2026-01-02T21:33:43.000+0000',
    numberRecordsProcessed: 7,
    numberRecordsFailed: 2,
    errorMessage: 'InvalidBatch : no',
  })
  answer = job({ state: undefined })
  await assert.rejects(salesforce.ingest.get(JOB), { code: 'UNEXPECTED_ANSWER', message: /state/ })
})

test('counters are whole numbers or text of such; anything else is none', async (t) => {
  let answer: unknown
  const { salesforce } = await setup(t, {
    [`GET ${JOBS}/${JOB}`]: (_, response) => json(response, 200, answer),
  })
  for (const [told, expected] of [
    [7, 7],
    ['7', 7],
    [0, 0],
    [-1, null],
    [1.5, null],
    ['seven', null],
    ['', null],
    [true, null],
    [{}, null],
    [1e300, null],
  ] as const) {
    answer = job({ state: 'JobComplete', numberRecordsProcessed: told, numberRecordsFailed: told })
    const { numberRecordsProcessed, numberRecordsFailed } = await salesforce.ingest.get(JOB)
    assert.deepEqual([numberRecordsProcessed, numberRecordsFailed], [expected, expected])
  }
})

test('a job whose id is none, or whose results would be in another form, is not understood', async (t) => {
  let answer: unknown
  const { salesforce } = await setup(t, {
    [`GET ${JOBS}/${JOB}`]: (_, response) => json(response, 200, answer),
  })
  for (const over of [
    { id: '0035f000002hMS4' },
    { id: '750' },
    { contentType: 'XML' },
    { lineEnding: 'CRLF' },
    { columnDelimiter: 'TAB' },
  ]) {
    answer = job({ state: 'JobComplete', ...over })
    await assert.rejects(salesforce.ingest.get(JOB), { code: 'UNEXPECTED_ANSWER' })
  }
})

test('only the three last states are terminal; one never heard of is not', () => {
  const terminal = ['JobComplete', 'Failed', 'Aborted']
  for (const state of [...terminal, 'Open', 'UploadComplete', 'InProgress', 'Paused', '']) {
    assert.equal(isTerminalState(state), terminal.includes(state), state)
  }
})

test('a job id cannot lead a call astray', async (t) => {
  const { salesforce, server } = await setup(t)
  await assert.rejects(salesforce.ingest.get('../../limits?x='), { kind: 'not-found' })
  assert.equal(server.seen[1]?.path, `${JOBS}/..%2F..%2Flimits%3Fx%3D`)
})

test('removing a job that is gone is done', async (t) => {
  const { salesforce } = await setup(t)
  await salesforce.ingest.remove(JOB)
})

test('removing is tried again after a lost answer', async (t) => {
  let tries = 0
  const { salesforce } = await setup(t, {
    [`DELETE ${JOBS}/${JOB}`]: (request, response) => {
      tries += 1
      if (tries === 1) return void request.socket.resetAndDestroy()
      json(response, 404, [{ errorCode: 'NOT_FOUND', message: 'gone' }])
    },
  })
  await salesforce.ingest.remove(JOB)
  assert.equal(tries, 2)
})

function results(handler: (response: ServerResponse) => void): Record<string, Handler> {
  return { [`GET ${JOBS}/${JOB}/failedResults`]: (_, response) => handler(response) }
}
const CSV = { 'content-type': 'text/csv; charset=UTF-8' }

test('results come as they are, plain or compressed', async (t) => {
  for (const [headers, body] of [
    [CSV, FAILED],
    [{ ...CSV, 'content-encoding': 'gzip' }, gzipSync(FAILED)],
  ] as const) {
    const { salesforce, server } = await setup(
      t,
      results((response) => response.writeHead(200, headers).end(body)),
    )
    assert.equal(await textOf(salesforce.ingest.failedResults(JOB)), FAILED)
    assert.equal(server.seen[1]?.headers['accept-encoding'], 'gzip')
  }
})

test('no results, as 204 or as an empty body, are no bytes', async (t) => {
  for (const status of [200, 204]) {
    const { salesforce } = await setup(
      t,
      results((response) => response.writeHead(status).end()),
    )
    assert.equal(await textOf(salesforce.ingest.failedResults(JOB)), '')
  }
})

test('an error in place of results is thrown before the first byte', async (t) => {
  const { salesforce } = await setup(
    t,
    results((response) =>
      json(response, 400, [{ errorCode: 'INVALIDJOBSTATE', message: 'Job is not complete' }]),
    ),
  )
  await assert.rejects(textOf(salesforce.ingest.failedResults(JOB)), { kind: 'job-state' })
})

test('a page or JSON with 200 is no CSV', async (t) => {
  for (const type of ['text/html', 'application/json']) {
    const { salesforce } = await setup(
      t,
      results((response) => response.writeHead(200, { 'content-type': type }).end('<p>hello')),
    )
    await assert.rejects(textOf(salesforce.ingest.failedResults(JOB)), { code: 'NOT_CSV' })
  }
})

const half = Buffer.from(FAILED).subarray(0, 30)
const zipped = gzipSync(FAILED.repeat(1000))
for (const [what, headers, part, end] of [
  ['short of its Content-Length', { 'content-length': '90' }, half, 'fin'],
  ['short of its Content-Length by a reset', { 'content-length': '90' }, half, 'reset'],
  ['without its last chunk', {}, half, 'fin'],
  ['without its last chunk by a reset', {}, half, 'reset'],
  ['in the middle of gzip', { 'content-encoding': 'gzip' }, zipped.subarray(0, 60), 'fin'],
  ['at the end of half a gzip', { 'content-encoding': 'gzip' }, zipped.subarray(0, 60), 'end'],
] as const) {
  test(`results that break off ${what} throw`, async (t) => {
    const { salesforce } = await setup(
      t,
      results((response) => {
        response.writeHead(200, { ...CSV, ...headers })
        response.write(part, () => {
          if (end === 'end') response.end()
          else if (end === 'fin') response.socket?.end()
          else response.socket?.resetAndDestroy()
        })
      }),
    )
    await assert.rejects(textOf(salesforce.ingest.failedResults(JOB)), {
      name: 'SalesforceError',
      kind: 'org-fault',
      operation: 'failedResults',
    })
  })
}

test('results are read as fast as they are taken, not ahead', async (t) => {
  let written = 0
  const block = Buffer.alloc(1 << 20, 'x')
  const { salesforce } = await setup(
    t,
    results((response) => {
      response.writeHead(200, CSV)
      const more = () => {
        while (written < 200) {
          written += 1
          if (!response.write(block)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    }),
  )
  const reader = salesforce.ingest.failedResults(JOB)[Symbol.asyncIterator]()
  await reader.next()
  // Every other call on this loop gets its turn while nobody reads on.
  for (let n = 0; n < 20; n++) await salesforce.ingest.remove('gone')
  assert.ok(written < 50, `${written} MB were taken in without being asked for`)
  await reader.return?.()
})

test('an abort ends the reading of results with the reason given', async (t) => {
  const { salesforce } = await setup(
    t,
    results((response) => {
      response.writeHead(200, CSV)
      response.write(half)
    }),
  )
  const stop = new AbortController()
  const reason = new Error('told to stop')
  const reading = async () => {
    for await (const _ of salesforce.ingest.failedResults(JOB, stop.signal)) stop.abort(reason)
  }
  await assert.rejects(reading(), reason)
})
