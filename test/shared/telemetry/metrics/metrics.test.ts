import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import type { MetricsRole } from '../../../../src/shared/telemetry/metrics/instruments.ts'
import { createMetrics, type Metrics } from '../../../../src/shared/telemetry/metrics/metrics.ts'
import type { Observed } from '../../../../src/shared/telemetry/metrics/readings.ts'

const at = { org: 'default', object: 'Contact' }

const ALLOWANCE = { max: 15_000, remaining: 14_000, booked: 24, used: new Map([[0, 5000]]) }

/** Everything that can be read. */
const READING: Observed = {
  served: [{ org: 'default', isServed: true }],
  redisUp: true,
  memoryRatio: 0.5,
  orgs: [
    {
      org: 'default',
      requests: new Map([['queued', { count: 3, oldestSeconds: 60 }]]),
      queues: new Map([['ingest-jobs', { waiting: 3, active: 2, delayed: 0, oldestSeconds: 60 }]]),
      maxInFlight: 10,
      urgentInFlight: 2,
      pause: { operator: { abort: false, since: 0 }, fault: null },
      quota: {
        allowances: new Map([['DailyApiRequests', ALLOWANCE]]),
        reserve: { DailyApiRequests: 20, DailyBulkApiBatches: 10 },
        held: { high: 0, normal: 0, low: 3 },
        now: 3600_000,
      },
      workers: 2,
      gathering: new Map([['normal', { requests: 3, ids: 30 }]]),
    },
  ],
}

/** Everything once. */
function exercised(role?: MetricsRole): Metrics {
  const metrics = createMetrics({ version: '1.2.3', ...(role === undefined ? {} : { role }) })
  metrics.expect({ orgs: [at.org], objects: [at.object], failureCodes: [] })
  metrics.requestEnded({ ...at, status: 'completed', seconds: 3 })
  metrics.idsRead({ ...at, verdict: 'accepted', count: 10 })
  const outcome = { deleted: 5, alreadyGone: 2, failed: 2, unprocessed: 1 }
  metrics.chunkEnded({ ...at, outcome, failures: { DELETE_FAILED: 2 } })
  metrics.ingestJobEnded({ ...at, state: 'JobComplete' })
  metrics.phaseEnded({ ...at, phase: 'wait', seconds: 7200 })
  metrics.uploaded({ ...at, bytes: 193 })
  metrics.departed({ org: 'default', reason: 'full' })
  metrics.retried({ ...at, reason: 'org-fault' })
  metrics.stalled({ org: 'default', change: 1 })
  metrics.salesforceCall({ org: 'default', operation: 'create', status: '200', seconds: 0.1 })
  metrics.jobRecovered({ org: 'default', queue: 'ingest-jobs' })
  metrics.lockLost({ org: 'default', queue: 'requests' })
  metrics.calledBack({ org: 'default', result: 'delivered' })
  const route = '/v1/deletion-requests/:id'
  metrics.httpAnswered({ route, method: 'GET', status: 200, seconds: 0.01 })
  metrics.observe(async () => READING)
  return metrics
}

interface Shown {
  readonly type: string
  readonly labels: readonly string[]
}

const { defined } = createMetrics({ version: '' })
const page = await readFile(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8')

/** What a page shows of our own metrics, by name: type and labels as they stand in the text. */
async function shownBy({ registry }: Metrics): Promise<Readonly<Record<string, Shown>>> {
  const text = await registry.metrics()
  const types = [...text.matchAll(/^# TYPE (expunge_\w+) (\w+)$/gm)]
  const shown = types.map(([, name = '', type = '']) => {
    const labels = new Set<string>()
    const series = new RegExp(`^${name}(?:_bucket|_sum|_count)?(?:\\{(.*)\\})? \\S+$`, 'gm')
    for (const [, pairs = ''] of text.matchAll(series)) {
      for (const [, label = ''] of pairs.matchAll(/(\w+)="/g)) labels.add(label)
    }
    if (type === 'histogram') labels.delete('le')
    return [name, { type, labels: [...labels].sort() }] as const
  })
  return Object.fromEntries(shown)
}

/** The table of docs/metrics.md: of each metric what it says, and which process has it. */
function documented(): Readonly<Record<string, Shown & { by: string }>> {
  const rows = page.split('\n').filter((line) => line.startsWith('| `expunge_'))
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()))
  return Object.fromEntries(
    cells.map(([, name = '', type = '', labels = '', , by = '']) => [
      name.replaceAll('`', ''),
      { type, labels: labels.split(' ').filter(Boolean).sort(), by },
    ]),
  )
}

describe('the contract', () => {
  for (const role of ['worker', 'producer'] as const) {
    test(`of a ${role} is what its page shows, no more and no less`, async () => {
      const own = Object.entries(documented())
        .filter(([, { by }]) => by.split(', ').includes(role))
        .map(([name, { type, labels }]) => [name, { type, labels }] as const)
      assert.ok(own.length > 10)
      assert.deepEqual(await shownBy(exercised(role)), Object.fromEntries(own))
    })
  }

  test('leaves no metric to nobody', async () => {
    const all = Object.entries(documented())
    assert.deepEqual(
      Object.keys(await shownBy(exercised())).sort(),
      all.map(([name]) => name).sort(),
    )
    for (const [name, { by }] of all) assert.match(by, /^(worker|producer|worker, producer)$/, name)
  })

  test('has a row of docs/metrics.md for each definition', () => {
    for (const { name, type, labels, unit, by } of defined) {
      const cells = [`\`${name}\``, type, Object.keys(labels).join(' '), unit, by.join(', '), '']
      const row = `| ${cells.join(' | ')}`.replace('|  |', '| |')
      assert.ok(page.includes(`\n${row}`), `docs/metrics.md lacks the row "${row}… |"`)
    }
  })

  test('has every value of a closed set in a row of docs/metrics.md', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| `'))
    for (const { labels } of defined) {
      for (const [label, { isClosed, values }] of Object.entries(labels)) {
        const own = rows.filter((row) => row.startsWith(`| \`${label}\` `))
        const isTold = own.some((row) => values.every((value) => row.includes(`\`${value}\``)))
        const lacking = `docs/metrics.md lacks a row of ${label} with ${values.join(', ')}`
        assert.ok(isTold || !isClosed, lacking)
      }
    }
  })
})

/** Each of these words is in no closed set, so that recording it does not compile. */
function wrongWords(metrics: Metrics): void {
  // @ts-expect-error: no status
  metrics.requestEnded({ ...at, status: 'levitating', seconds: 1 })
  // @ts-expect-error: a live status
  metrics.requestEnded({ ...at, status: 'queued', seconds: 1 })
  // @ts-expect-error: no number of seconds
  metrics.requestEnded({ ...at, status: 'failed' })
  // @ts-expect-error: no verdict
  metrics.idsRead({ ...at, verdict: 'unchecked', count: 1 })
  // @ts-expect-error: no phase
  metrics.phaseEnded({ ...at, phase: 'create', seconds: 1 })
  // @ts-expect-error: no reason
  metrics.retried({ ...at, reason: 'bored' })
  // @ts-expect-error: no call
  metrics.salesforceCall({ org: 'o', operation: 'read', status: '200', seconds: 1 })
  // @ts-expect-error: no queue
  metrics.lockLost({ org: 'o', queue: 'ingest' })
  // @ts-expect-error: no result
  metrics.calledBack({ org: 'o', result: 'ignored' })
}
void wrongWords

describe('metrics', () => {
  test('count every verdict under its own label', async () => {
    const text = await exercised().registry.metrics()
    const records = text.split('\n').filter((line) => line.startsWith('expunge_records_total{'))
    assert.deepEqual(
      records.map((line) => line.replace(/.*outcome="(\w+)"\} (\d+)/, '$1 $2')),
      ['deleted 5', 'already_gone 2', 'failed 2', 'unprocessed 1'],
    )
    assert.match(text, /^expunge_record_failures_total\{.*code="DELETE_FAILED"\} 2$/m)
    assert.match(text, /^expunge_build_info\{version="1\.2\.3"\} 1$/m)
    assert.match(text, /^expunge_ingest_jobs_stalled\{org="default"\} 1$/m)
  })

  test('keep to the conventions of Prometheus, the process metrics too', async () => {
    const all = await exercised().registry.getMetricsAsJSON()
    for (const { name, type, help } of all) {
      assert.match(name, /^[a-z0-9_]+$/)
      assert.equal(name.endsWith('_total'), String(type) === 'counter', name)
      assert.doesNotMatch(name, /_(count|sum|bucket)$/)
      assert.match(help, /^[A-Z].*\.$/, name)
    }
  })

  test('time jobs that last for hours, without putting them all into the last bucket', async () => {
    const text = await exercised().registry.metrics()
    assert.match(text, /phase_duration_seconds_bucket\{le="3600",.*phase="wait"\} 0$/m)
    assert.match(text, /phase_duration_seconds_bucket\{le="14400",.*phase="wait"\} 1$/m)
  })

  test('of two processes are apart', async () => {
    exercised()
    const fresh = await createMetrics({ version: '1' }).registry.metrics()
    assert.doesNotMatch(fresh, /^expunge_records_total\{/m)
  })

  test('take no word of a caller’s or a server’s for a label', async () => {
    const metrics = createMetrics({ version: '1' })
    metrics.requestEnded({ org: 'o', object: 'Cont4ct', status: 'refused', seconds: 1 })
    metrics.ingestJobEnded({ ...at, state: 'Levitating' })
    const text = await metrics.registry.metrics()
    assert.match(text, /^expunge_requests_total\{org="o",object="other",status="refused"\} 1$/m)
    assert.match(text, /^expunge_ingest_jobs_total\{.*state="Other"\} 1$/m)
    assert.doesNotMatch(text, /Cont4ct|Levitating/)
  })

  test('of two clocks never count backwards', async () => {
    const metrics = createMetrics({ version: '1' })
    metrics.requestEnded({ ...at, status: 'completed', seconds: -2 })
    const text = await metrics.registry.metrics()
    assert.match(text, /^expunge_request_duration_seconds_sum\{.*\} 0$/m)
  })

  test('that are expected are there with 0, once for all', async () => {
    const metrics = createMetrics({ version: '1' })
    const expected = {
      orgs: ['emea', 'apac'],
      objects: ['Contact', 'Account'],
      failureCodes: ['DELETE_FAILED'],
    }
    metrics.expect(expected)
    metrics.requestEnded({ org: 'emea', object: 'Account', status: 'failed', seconds: 1 })
    metrics.expect(expected)
    const text = await metrics.registry.metrics()
    const emea = { org: 'emea', object: 'Account' }
    for (const [series, value] of [
      [line('requests_total', { ...emea, status: 'failed' }), 1],
      [line('requests_total', { ...emea, status: 'completed' }), 0],
      [line('requests_total', { org: 'apac', object: 'other', status: 'refused' }), 0],
      [line('ids_read_total', { ...emea, verdict: 'invalid' }), 0],
      [line('records_total', { ...emea, outcome: 'already_gone' }), 0],
      [line('record_failures_total', { ...emea, code: 'DELETE_FAILED' }), 0],
      [line('record_failures_total', { ...emea, code: 'OTHER' }), 0],
      [line('ingest_jobs_total', { ...emea, state: 'Vanished' }), 0],
      [line('ingest_phase_duration_seconds_count', { ...emea, phase: 'collect' }), 0],
      [line('retries_total', { ...emea, reason: 'lock' }), 0],
      [line('salesforce_requests_total', { org: 'apac', operation: 'close', status: '503' }), 0],
      [line('salesforce_request_duration_seconds_count', { org: 'apac', operation: 'abort' }), 0],
      [line('jobs_recovered_total', { org: 'apac', queue: 'callbacks' }), 0],
      [line('locks_lost_total', { org: 'apac', queue: 'requests' }), 0],
      [line('callbacks_total', { org: 'apac', result: 'delivered' }), 0],
      [line('ingest_jobs_stalled', { org: 'apac' }), 0],
    ] as const) {
      assert.ok(text.includes(`\n${series} ${value}\n`), `${series} ${value}`)
    }
  })
})

describe('what is read at each scrape', () => {
  test('is not there before anybody looks, but that Redis is not', async () => {
    const text = await createMetrics({ version: '1' }).registry.metrics()
    assert.match(text, /^expunge_redis_up 0$/m)
    assert.doesNotMatch(text, /^expunge_(redis_memory_ratio|requests|workers)\b/m)
  })

  test('vanishes where it cannot be read, and comes back', async () => {
    const metrics = exercised()
    const names = async () =>
      [...(await metrics.registry.metrics()).matchAll(/^(expunge_(?:redis|requests|workers)\w*)/gm)]
        .map(([, name]) => name)
        .filter((name) => name !== 'expunge_requests_total')
    const all = ['expunge_requests', 'expunge_workers', 'expunge_redis_up']
    assert.deepEqual(await names(), [...all, 'expunge_redis_memory_ratio'])
    metrics.observe(async () => ({ redisUp: false }))
    assert.deepEqual(await names(), ['expunge_redis_up'])
    metrics.observe(async () => READING)
    assert.equal((await names()).length, 4)
  })
})

function line(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return `expunge_${name}{${pairs.join(',')}}`
}
