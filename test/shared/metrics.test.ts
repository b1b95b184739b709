import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMetrics, type Metrics } from '../../src/shared/metrics.ts'

const at = { org: 'default', object: 'Contact' }

/** Everything once. */
function exercised(): Metrics {
  const metrics = createMetrics({ version: '1.2.3' })
  metrics.requestEnded({ ...at, status: 'completed', seconds: 3 })
  metrics.idsRead({ ...at, verdict: 'accepted', count: 10 })
  const outcome = { deleted: 5, alreadyGone: 2, failed: 2, unprocessed: 1 }
  metrics.chunkEnded({ ...at, outcome, failures: { DELETE_FAILED: 2 } })
  metrics.ingestJobEnded({ ...at, state: 'JobComplete' })
  metrics.phaseEnded({ ...at, phase: 'wait', seconds: 7200 })
  metrics.uploaded({ ...at, bytes: 193 })
  metrics.retried({ ...at, reason: 'org-fault' })
  metrics.stalled({ org: 'default', change: 1 })
  metrics.salesforceCall({ org: 'default', operation: 'create', status: '200', seconds: 0.1 })
  metrics.jobRecovered({ org: 'default', queue: 'ingest-jobs' })
  metrics.lockLost({ org: 'default', queue: 'requests' })
  return metrics
}

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

  test('keep to the conventions of Prometheus', async () => {
    const all = await exercised().registry.getMetricsAsJSON()
    const own = all.filter(({ name }) => name.startsWith('expunge_'))
    assert.ok(own.length >= 14)
    for (const { name, type, help } of own) {
      assert.match(name, /^[a-z_]+$/)
      assert.equal(name.endsWith('_total'), String(type) === 'counter', name)
      assert.doesNotMatch(name, /_(count|sum|bucket)$/)
      assert.match(help, /^[A-Z].*\.$/)
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
})
