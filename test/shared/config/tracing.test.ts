import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig, type TracingConfig } from '../../../src/shared/config/config.ts'
import { NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const OWN_ENDPOINT = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'

async function tracing(env: Record<string, string>): Promise<TracingConfig | null> {
  return (await loadConfig(env, NOTHING_NEEDED)).tracing
}

test('traces go below the common endpoint, or to the very URL of their own', async () => {
  const defaults = { sampler: 'parentbased_always_on', ratio: 1 }
  for (const base of ['http://collector:4318', 'http://collector:4318/']) {
    const endpoint = 'http://collector:4318/v1/traces'
    assert.deepEqual(await tracing({ [ENDPOINT]: base }), { endpoint, ...defaults })
  }
  const both = { [ENDPOINT]: 'http://a:4318', [OWN_ENDPOINT]: 'https://b/in/traces' }
  assert.equal((await tracing(both))?.endpoint, 'https://b/in/traces')
  const below = { [ENDPOINT]: 'https://vendor/otlp' }
  assert.equal((await tracing(below))?.endpoint, 'https://vendor/otlp/v1/traces')
})

test('without an endpoint, or switched off, there are none, whatever else is set', async () => {
  const wrong = { OTEL_TRACES_SAMPLER: 'jaeger_remote', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
  assert.equal(await tracing({}), null)
  assert.equal(await tracing({ ...wrong, [ENDPOINT]: '' }), null)
  const given = { ...wrong, [ENDPOINT]: 'no URL' }
  assert.equal(await tracing({ ...given, OTEL_SDK_DISABLED: 'True' }), null)
  assert.equal(await tracing({ ...given, OTEL_TRACES_EXPORTER: 'none' }), null)
})

test('the sampler is taken as it is given', async () => {
  const env = {
    [ENDPOINT]: 'http://collector:4318',
    OTEL_SDK_DISABLED: 'false',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '.25',
  }
  const { sampler, ratio } = (await tracing(env)) ?? {}
  assert.deepEqual([sampler, ratio], ['traceidratio', 0.25])
})

test('every wrong variable is told by its name, and no URL that may hold a secret', async () => {
  const problems = await problemsOf({
    [ENDPOINT]: 'http://user:the-password@collector:4318',
    OTEL_TRACES_EXPORTER: 'zipkin',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'xray',
    OTEL_TRACES_SAMPLER_ARG: '1.5',
    LOG_LEVEL: 'loud',
  })
  const names = problems.map((problem) => problem.split(':', 1)[0])
  assert.deepEqual(names.sort(), [
    'LOG_LEVEL',
    ENDPOINT,
    'OTEL_EXPORTER_OTLP_PROTOCOL',
    'OTEL_TRACES_EXPORTER',
    'OTEL_TRACES_SAMPLER',
    'OTEL_TRACES_SAMPLER_ARG',
  ])
  assert.ok(!problems.join().includes('the-password'))
  for (const url of ['collector:4318', 'grpc://collector:4317', 'http://c/?key=a', 'http://c/#a']) {
    const [problem = ''] = await problemsOf({ [OWN_ENDPOINT]: url })
    assert.match(problem, new RegExp(`^${OWN_ENDPOINT}: expected an http:// or https:// URL`))
  }
})
