import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Sandbox, startSandbox } from '../../../../src/sandbox/sandbox.ts'
import { type Collector, type ReceivedSpan, startCollector } from '../../../helpers/collector.ts'
import { ids18 } from '../../../helpers/ids.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { callAt, PATH, until } from '../../../producer/http/api.ts'
import { startServiceHere, startServiceProcess } from '../../../producer/http/process.ts'

/** The HTTP service and a worker as processes of their own, and a collector that takes their traces. */

const CALLER = { trace: 'a'.repeat(32), span: 'b'.repeat(16) }
/** The trace of a caller who wants none recorded. */
const UNRECORDED = 'c'.repeat(32)
const LOG_MODULE_LOADS = new URL('../../../helpers/log-module-loads.ts', import.meta.url).href

interface Processes {
  readonly sandbox: Sandbox
  /** Resolves with the receipt. */
  submit(json: object, headers?: Record<string, string>): Promise<Record<string, unknown>>
  /** Resolves with the status of a call that is refused. */
  refused(json: object): Promise<number>
  /** Resolves once both have said so. */
  bothSaid(message: string): Promise<unknown>
  /** Everything that the processes have said so far. */
  said(): string
  /** SIGTERM to both; fails where one does not end well. */
  stop(): Promise<void>
}

async function settings(t: TestContext): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-tracing-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const redis = await startRedis(t, {})
  return { REDIS_URL: redis.url, EXPUNGE_RESULTS: join(folder, 'results') }
}

async function startProcesses(
  t: TestContext,
  own: Record<string, string>,
  workers = own,
): Promise<Processes> {
  const sandbox = await startSandbox({})
  t.after(() => sandbox.close())
  const env = {
    ...(await settings(t)),
    SALESFORCE_LOGIN_URL: sandbox.url,
    SALESFORCE_CLIENT_ID: sandbox.clientId,
    SALESFORCE_CLIENT_SECRET: sandbox.clientSecret,
    EXPUNGE_COALESCE_BELOW: '0',
    NODE_OPTIONS: `--import ${LOG_MODULE_LOADS}`,
  }
  const service = startServiceProcess(t, { ...env, ...own })
  const worker = startServiceProcess(t, { ...env, ...workers }, 'worker')
  const url = String((await service.logged('Producer started.'))['url'])
  await worker.logged('Worker started.')
  return {
    sandbox,
    bothSaid: (message) => Promise.all([service.logged(message), worker.logged(message)]),
    said: () => `${service.said()}\n${worker.said()}`,
    submit: async (json, headers = {}) => {
      const { status, text, json: view } = await callAt(url, PATH, { json, headers })
      assert.equal(status, 202, text)
      const look = async () => (await callAt(url, `${PATH}/${view.id}`, {})).json.receipt
      await until(t, async () => (await look()) !== null)
      return look()
    },
    refused: async (json) => (await callAt(url, PATH, { json })).status,
    stop: async () => {
      for (const { child, ended, said } of [service, worker]) {
        child.kill('SIGTERM')
        assert.deepEqual(await ended, [0, null], said())
      }
    },
  }
}

const calledWith = (trace: string, flags: '00' | '01') => ({
  traceparent: `00-${trace}-${CALLER.span}-${flags}`,
})
const traced = ({ url }: Pick<Collector, 'url'>) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url })
const contacts = (id: string, ids: readonly string[]) => ({
  ...{ id, object: 'Contact', reason: 'a-reason-of-theirs' },
  source: { type: 'ids', ids },
})
const loaded = (processes: Processes) => processes.said().match(/"msg":"Loaded\."/g)?.length ?? 0

/** The names of a span and of what is above it, the nearest first, up to the caller's own. */
function lineage(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string[] {
  if (span.parentId === CALLER.span) return [span.name]
  const parent = spans.find(({ spanId }) => spanId === span.parentId)
  assert.ok(parent, `${span.name} has no parent among the spans`)
  return [span.name, ...lineage(parent, spans)]
}

function only(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const [span, another] = spans.filter((each) => each.name === name)
  assert.ok(span !== undefined && another === undefined, `expected one span ${name}`)
  return span
}

/** Of a server that takes connections and says nothing. */
async function silentPort(t: TestContext): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}

describe('traces', { concurrency: 3 }, () => {
  test('three requests, one after another, to the same two processes', async (t) => {
    const collector = await startCollector(t)
    const processes = await startProcesses(t, traced(collector))
    const { status } = await processes.submit(
      contacts('one', ids18(25)),
      calledWith(CALLER.trace, '01'),
    )
    await processes.submit(contacts('alone', ids18(25, 100)))
    await processes.submit(contacts('unrecorded', ids18(5, 200)), calledWith(UNRECORDED, '00'))
    await processes.stop()
    const ofCaller = collector.spans.filter(({ traceId }) => traceId === CALLER.trace)
    const others = collector.spans.filter((span) => !ofCaller.includes(span))

    await t.test('a request is one trace, from the call of its caller to its end', () => {
      assert.equal(status, 'completed')
      const chain = [
        ...['process requests.settle', 'add requests.settle'],
        ...['process ingest-jobs.ingest', 'add ingest-jobs.ingest'],
        ...['process requests.plan', 'add requests.plan'],
        'POST /v1/deletion-requests',
      ]
      assert.deepEqual(lineage(only(ofCaller, 'process requests.settle'), ofCaller), chain)
      for (const call of ['create', 'upload', 'close']) {
        const span = only(ofCaller, `salesforce:${call}`)
        assert.deepEqual(lineage(span, ofCaller), [span.name, ...chain.slice(2)])
        assert.equal(span.kind, 'client')
      }
      const services = new Set(ofCaller.map(({ resource }) => resource['service.name']))
      assert.deepEqual([...services].sort(), ['expunge-producer', 'expunge-worker'])
      assert.deepEqual(
        collector.spans.filter(({ isError }) => isError),
        [],
      )
    })

    await t.test('the spans of a request say what it is about and what came of it', () => {
      const about = {
        'expunge.org': 'default',
        'expunge.request.id': 'alone',
        'expunge.object': 'Contact',
        'expunge.operation': 'delete',
      }
      const of = (name: string) => only(others, name)
      const { attributes, kind, parentId } = of('POST /v1/deletion-requests')
      assert.deepEqual([kind, parentId], ['server', ''])
      assert.deepEqual(attributes, {
        ...about,
        'http.request.method': 'POST',
        'http.route': PATH,
        'http.response.status_code': 202,
      })
      const job = (queue: string, name: string) => ({
        'bullmq.queue.name': queue,
        'bullmq.queue.operation': 'process',
        'bullmq.job.name': name,
        'bullmq.job.attempts.made': 1,
      })
      assert.deepEqual(of('process requests.plan').attributes, {
        ...{ ...about, ...job('requests', 'plan') },
        ...{ 'expunge.records': 25, 'expunge.status': 'deleting' },
      })
      const [, ingestJob] = processes.sandbox.referee.stats().jobs
      assert.deepEqual(of('process ingest-jobs.ingest').attributes, {
        ...{ ...about, ...job('ingest-jobs', 'ingest') },
        'expunge.records': 25,
        'expunge.ingest.order': 'alone.0.1',
        'expunge.ingest.job.id': ingestJob?.id,
        'expunge.ingest.job.state': 'JobComplete',
      })
      assert.deepEqual(of('process requests.settle').attributes, {
        ...{ ...about, ...job('requests', 'settle') },
        ...{ 'expunge.records': 25, 'expunge.status': 'completed' },
      })
    })

    await t.test('of a caller who wants none recorded nothing is sent', () => {
      const traces = new Set(others.map(({ traceId }) => traceId))
      assert.equal(traces.size, 1)
      assert.ok(!traces.has(UNRECORDED))
      assert.ok(loaded(processes) > 0)
    })
  })

  test('what fails is told by its code; no record id and no secret is in what is sent', async (t) => {
    const collector = await startCollector(t)
    const processes = await startProcesses(t, {
      ...traced(collector),
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of-the-collector',
      OTEL_SERVICE_NAME: 'erasure',
    })
    const { faults, clientSecret } = processes.sandbox
    const ids = ids18(25)
    const message = `entity ${ids[3]} is locked`
    const answer = { do: 'answer', status: 400, errorCode: 'UNABLE_TO_LOCK_ROW', message } as const
    faults.add({ on: 'create', times: 1, action: answer })
    const failed = { do: 'fail', code: 'Unknown', message: `${ids[4]}: no` } as const
    faults.add({ on: 'job', times: 1, action: failed })
    await processes.submit(contacts('one', ids))
    const refused = await processes.submit({ ...contacts('two', ids), maxRecords: 1 })
    assert.equal(refused['status'], 'refused')
    const unknown = { ...contacts('three', ids), object: `X${ids[5]}` }
    assert.equal(await processes.refused(unknown), 422)
    await processes.stop()
    const { spans, bodies, calls } = collector
    const creations = spans.filter(({ name }) => name === 'salesforce:create')
    assert.ok(
      creations.some(({ isError, attributes }) => isError && attributes['error.type'] === '400'),
    )
    const ends = spans.filter(({ attributes }) => attributes['expunge.status'] === 'refused')
    assert.equal(ends.length, 1)
    assert.equal(ends[0]?.attributes['error.type'], 'TOO_MANY_RECORDS')
    assert.ok(spans.some(({ attributes }) => attributes['expunge.object'] === 'other'))
    assert.equal(
      spans.reduce((sum, { events }) => sum + events, 0),
      0,
    )
    const sent = Buffer.concat(bodies).toString('latin1')
    for (const id of ids) assert.ok(!sent.includes(id.slice(0, 15)), `${id} was sent`)
    for (const secret of [clientSecret, 'a-reason-of-theirs', message]) {
      assert.ok(!sent.includes(secret), `${secret} was sent`)
    }
    assert.equal(spans[0]?.resource['service.name'], 'erasure')
    assert.deepEqual([...new Set(calls.map(({ path }) => path))], ['/v1/traces'])
    assert.equal(calls[0]?.headers['authorization'], 'Bearer of-the-collector')
  })

  test('without an endpoint nothing of its SDK is loaded', async (t) => {
    const processes = await startProcesses(t, { OTEL_TRACES_SAMPLER: 'jaeger_remote' })
    await processes.submit(contacts('one', ids18(5)))
    await processes.stop()
    assert.equal(loaded(processes), 0)
  })

  test('a collector that is away or refuses is told of once; work goes on and ends', async (t) => {
    const refusing = await startCollector(t, 401)
    const to = (url: string) => ({
      ...traced({ url }),
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=the-key-of-the-collector\u0001',
    })
    // That of the service is away, that of the worker refuses; each has spans to send.
    const processes = await startProcesses(t, to('http://127.0.0.1:9'), to(refusing.url))
    const receipt = await processes.submit(contacts('one', ids18(5)))
    assert.equal(receipt['status'], 'completed')
    // At their end they have a second for it, which is short on a busy machine.
    await processes.bothSaid('Traces cannot be sent to the collector')
    await processes.stop()
    const told = processes.said().match(/"msg":"Traces cannot be sent to the collector/g)
    assert.equal(told?.length, 2, processes.said())
    assert.ok(!processes.said().includes('the-key-of-the-collector'))
  })

  test('one that never answers does not keep a process from ending', async (t) => {
    const port = await silentPort(t)
    const processes = await startProcesses(t, {
      ...traced({ url: `http://127.0.0.1:${port}` }),
      OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
    })
    const receipt = await processes.submit(contacts('one', ids18(5)))
    assert.equal(receipt['status'], 'completed')
    // What waited for such a collector would wait for half a minute, in each of the two. The clock
    // runs from here: on a busy machine the start of the processes alone may take as long.
    const late = delay(30_000, 'late', { ref: false })
    assert.notEqual(await Promise.race([processes.stop(), late]), 'late')
    assert.match(processes.said(), /"reason":"not answered in time"/)
  })

  test('an endpoint that is none is refused before anything is begun', async (t) => {
    const env = {
      ...(await settings(t)),
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://user:the-password@collector:4318',
    }
    const service = startServiceHere(t, env)
    assert.deepEqual(await service.ended, [2, null])
    assert.match(service.said(), /OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: expected an http:\/\//)
    assert.ok(!service.said().includes('the-password'))
  })
})
