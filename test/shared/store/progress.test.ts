import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedEnd } from '../../../src/shared/store/progress.ts'

const BEGAN = Date.UTC(2026, 4, 4, 12)
const MINUTE = 60_000
const after = (ms: number, done: number, total = 1000) =>
  expectedEnd({ began: BEGAN, now: BEGAN + ms, done, total })

test('a deletion ends at the average rate since it began', () => {
  assert.equal(after(10 * MINUTE, 250), BEGAN + 40 * MINUTE)
  assert.equal(after(20 * MINUTE, 250), BEGAN + 80 * MINUTE)
  assert.equal(after(10 * MINUTE, 1000), BEGAN + 10 * MINUTE)
})

test('no end is expected before there is a rate', () => {
  assert.equal(after(10 * MINUTE, 0), null)
  assert.equal(after(4_999, 500), null)
  assert.equal(after(5_000, 500), BEGAN + 10_000)
  // Two machines' clocks may differ.
  assert.equal(after(-MINUTE, 500), null)
})
