import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/shared/base/clock.ts'
import { fc } from '../../helpers/fast-check.ts'

/** What one timer of Node can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

test('a sleep of any length past the longest timer sleeps on, and ends once it is aborted', async () => {
  const warnings: Error[] = []
  const listen = (warning: Error) => warnings.push(warning)
  process.on('warning', listen)
  const stop = new AbortController()
  const reason = new Error('told to stop')
  const lengths = fc.sample(fc.double({ min: LONGEST_TIMER_MS + 1, noNaN: true }), 100)
  let awake = 0
  try {
    const all = [LONGEST_TIMER_MS, LONGEST_TIMER_MS + 1, Number.POSITIVE_INFINITY, ...lengths]
    const sleeps = all.map((ms) => systemClock.sleep(ms, stop.signal).finally(() => awake++))
    // A timer that overflows fires after 1 ms.
    await systemClock.sleep(20)
    assert.equal(awake, 0)
    stop.abort(reason)
    for (const end of await Promise.allSettled(sleeps)) {
      assert.deepEqual(end, { status: 'rejected', reason })
    }
  } finally {
    process.off('warning', listen)
  }
  assert.deepEqual(warnings, [])
})

test('no number is no sleep: a wait that is not known must not become none', async () => {
  await assert.rejects(systemClock.sleep(Number.NaN), RangeError)
})
