import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REQUEST_ID } from '../../../src/shared/contract/request.ts'
import { generatedId, idByJob } from '../../../src/worker/jobs/job-id.ts'
import { codePoint } from '../../helpers/code-point.ts'
import { fc } from '../../helpers/fast-check.ts'

test('a job id names the request unless BullMQ made it', () => {
  for (const [id, named] of [
    ['r-crm.42', 'crm.42'],
    ['crm.42', 'crm.42'],
    ['r-42', '42'],
    ['042', '042'],
    ['r-case 17', 'case 17'],
    ['42', undefined],
    ['0', undefined],
    ['-7', undefined],
    ['repeat:nightly:1796040000000', undefined],
  ] as const) {
    assert.equal(idByJob({ id }), named, id)
  }
})

const job = fc.record({
  id: fc.string({ unit: codePoint }),
  timestamp: fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger()),
  queueName: fc.constantFrom('requests', 'callbacks'),
})

test('a generated id is a request id, and the same for the same job alone', () => {
  fc.assert(
    fc.property(job, job, (one, other) => {
      const id = generatedId(one)
      assert.match(id, REQUEST_ID)
      assert.equal(generatedId({ ...one }), id)
      const keyOf = (it: typeof one) => JSON.stringify([it.queueName, it.id, it.timestamp])
      assert.equal(generatedId(other) === id, keyOf(other) === keyOf(one))
    }),
  )
})

test('a generated id says when the job was added', () => {
  const timestamp = Date.UTC(2026, 10, 30, 13, 15, 7)
  assert.match(
    generatedId({ id: '1', timestamp, queueName: 'requests' }),
    /^20261130-131507-[0-9a-z]{12}$/,
  )
})
