import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effect } from '../../../../src/shared/base/trace.ts'
import { queueTelemetry } from '../../../../src/shared/store/queues/queues.ts'
import { traced, within } from '../../../helpers/traced.ts'

test('effects are spans below their work; those that repeat only where they fail', async (t) => {
  const { collector, stop } = await traced(t)
  await effect('redis:accept', async () => {})
  const refused = Object.assign(new Error('no'), { code: 'ECONNRESET' })
  await within('work', async () => {
    await effect('results:commit', () => effect('redis:accept', async () => {}))
    await effect('salesforce:get', async () => ({ status: 200 }))
    await effect('salesforce:get', async () => ({ status: 404 }))
    await assert.rejects(effect('redis:stage', () => Promise.reject(refused)))
    await effect('order:plan', async () => {})
  })
  await stop()
  const { spans } = collector
  const work = spans.find(({ name }) => name === 'work')
  const commit = spans.find(({ name }) => name === 'results:commit')
  assert.deepEqual(
    spans.map(({ name, parentId, attributes }) => [name, parentId, attributes['error.type']]),
    [
      ['redis:accept', commit?.spanId, undefined],
      ['results:commit', work?.spanId, undefined],
      ['salesforce:get', work?.spanId, '404'],
      ['redis:stage', work?.spanId, 'ECONNRESET'],
      ['work', '', undefined],
    ],
  )
})

test('once tracing has ended, work leaves nothing behind it', async (t) => {
  const { collector, stop } = await traced(t)
  await stop()
  assert.deepEqual(queueTelemetry(), {})
  await within('work', () => effect('redis:accept', async () => {}))
  assert.deepEqual(collector.spans, [])
})
