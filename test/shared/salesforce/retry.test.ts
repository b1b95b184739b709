import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SalesforceError } from '../../../src/shared/salesforce/errors.ts'
import { retryDelay, retrying } from '../../../src/shared/salesforce/retry.ts'
import { stillClock } from './fake-salesforce.ts'

function fault(over: { transient?: boolean; retryAfterMs?: number | null } = {}) {
  return new SalesforceError(
    {
      kind: 'org-fault',
      code: 'HTTP_503',
      operation: 'get',
      httpStatus: 503,
      transient: true,
      retryAfterMs: null,
      ...over,
    },
    'no',
  )
}

test('waits double from half a second and end after the fourth try', () => {
  const at = (random: number) =>
    [1, 2, 3, 4].map((tries) => retryDelay(fault(), tries, () => random))
  assert.deepEqual(at(1), [500, 1000, 2000, undefined])
  assert.deepEqual(at(0), [250, 500, 1000, undefined])
})

test('Retry-After rules while it is short, and ends the tries where it is long', () => {
  assert.equal(retryDelay(fault({ retryAfterMs: 2000 }), 1), 2000)
  assert.equal(retryDelay(fault({ retryAfterMs: 0 }), 1), 0)
  // Nobody hears of a cancelled request here: a longer wait is the caller's.
  for (const retryAfterMs of [2001, 3_600_000]) {
    assert.equal(retryDelay(fault({ retryAfterMs }), 1), undefined)
  }
})

test('a lasting fault is thrown at once', async () => {
  const { clock, slept } = stillClock()
  const error = fault({ transient: false })
  await assert.rejects(
    retrying(clock, undefined, () => Promise.reject(error)),
    error,
  )
  assert.deepEqual(slept, [])
})

test('an abort ends the wait between two tries', async () => {
  const stop = new AbortController()
  const { clock } = stillClock()
  const reason = new Error('told to stop')
  const call = () => {
    stop.abort(reason)
    return Promise.reject(fault())
  }
  await assert.rejects(retrying(clock, stop.signal, call), reason)
})
