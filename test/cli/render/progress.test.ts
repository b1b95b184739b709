import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace, progressWords } from '../../../src/cli/render/progress.ts'

test('the rate is that of the last half minute, and the time left follows from it', () => {
  const pace = new Pace(100_000)
  for (let second = 0; second <= 10; second++) pace.see(second * 100, second * 1000)
  assert.equal(pace.rate, 100)
  for (let second = 11; second <= 60; second++) {
    pace.see(1000 + (second - 10) * 1000, second * 1000)
  }
  assert.equal(pace.rate, 1000)
  assert.equal(pace.left, 49_000)
})

test('before anything is known nothing is claimed', () => {
  const pace = new Pace(1000)
  assert.deepEqual([pace.rate, pace.left], [null, null])
  pace.see(0, 5000)
  assert.deepEqual([pace.rate, pace.left], [null, null])
  pace.see(0, 6000)
  assert.deepEqual([pace.rate, pace.left], [0, null])
})

test('a count that falls, because an ingest job ended between two looks, is not shown', () => {
  const pace = new Pace(1000)
  pace.see(500, 0)
  pace.see(0, 1000)
  assert.equal(pace.done, 500)
})

test('the words beside the bar say how many, how fast and how long', () => {
  const pace = new Pace(999_000)
  pace.see(0, 0)
  pace.see(629_000, 4250)
  assert.equal(progressWords(pace, 999_000), '629,000 of 999,000  62 %  148,000/s  2.5 s left')
  pace.see(999_000, 6750)
  assert.equal(progressWords(pace, 999_000), '999,000 of 999,000  100 %  148,000/s')
})

test('the count falls only where rows are sent again', () => {
  const pace = new Pace(100)
  pace.see(80, 0)
  pace.see(60, 1000)
  assert.equal(pace.done, 80)
  pace.fallBack()
  pace.see(60, 2000)
  assert.deepEqual([pace.done, pace.rate], [60, null])
})
