import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pollInterval } from '../../../src/worker/ingest/poll.ts'
import { classOf, codeLabel, parseRowError, verdictOf } from '../../../src/worker/ingest/retry.ts'

describe('polling', () => {
  test('a job that ends after half a second is looked at within another quarter', () => {
    let age = 0
    while (age < 500) age += pollInterval(age, 1)
    assert.ok(age <= 750, `looked at ${age} ms`)
  })

  test('a job of one hour costs under 97 looks, so under 100 calls in all', () => {
    for (const random of [0, 0.5, 1]) {
      let looks = 0
      for (let age = 0; age < 3600_000; looks++) age += pollInterval(age, random)
      assert.ok(looks < 97, `${looks} looks`)
    }
  })
})

describe('row errors', () => {
  test('the code stands before the first colon, the rest is the message', () => {
    assert.deepEqual(parseRowError('DELETE_FAILED:associated with: 0001:--'), {
      code: 'DELETE_FAILED',
      message: 'associated with: 0001:--',
    })
  })

  test('a lock that a trigger wraps is a lock', () => {
    const text = 'CANNOT_EXECUTE_FLOW_TRIGGER:caused by: UNABLE_TO_LOCK_ROW, unable to obtain:--'
    assert.equal(parseRowError(text).code, 'UNABLE_TO_LOCK_ROW')
    assert.equal(classOf('UNABLE_TO_LOCK_ROW'), 'transient')
  })

  test('text without a code is kept whole under UNKNOWN_ERROR', () => {
    assert.deepEqual(parseRowError('something: odd'), {
      code: 'UNKNOWN_ERROR',
      message: 'something: odd',
    })
  })

  test('a deleted record is gone for delete, but not for hardDelete', () => {
    assert.equal(verdictOf('ENTITY_IS_DELETED', 'delete'), 'alreadyGone')
    assert.equal(verdictOf('ENTITY_IS_DELETED', 'hardDelete'), 'failed')
  })

  test('a code outside the table is permanent, and OTHER as a label', () => {
    assert.equal(classOf('BRAND_NEW'), 'permanent')
    assert.equal(codeLabel('BRAND_NEW'), 'OTHER')
    assert.equal(codeLabel('toString'), 'OTHER')
    assert.equal(codeLabel('DELETE_FAILED'), 'DELETE_FAILED')
  })
})
