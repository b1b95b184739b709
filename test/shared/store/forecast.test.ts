import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endsAt, freeAt, hourlyUse, runsOutAt } from '../../../src/shared/store/forecast.ts'
import { fc } from '../../helpers/fast-check.ts'

const HOUR = 3600_000
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 4, 4, 12, 30)
const THIS_HOUR = Date.UTC(2026, 4, 4, 12)

const used = (...hours: readonly (readonly [ago: number, amount: number])[]) =>
  new Map(hours.map(([ago, amount]) => [THIS_HOUR - ago * HOUR, amount]))

test('what fits can be used at once', () => {
  assert.equal(freeAt({ free: 5, used: used() }, 5, NOW), NOW)
  assert.equal(endsAt({ free: 5, used: used() }, 5, NOW), NOW)
})

test('room comes when our own use is a day old', () => {
  const spendable = { free: -2, used: used([20, 3], [10, 7]) }
  assert.equal(freeAt(spendable, 1, NOW), THIS_HOUR - 20 * HOUR + HOUR + DAY)
  assert.equal(freeAt(spendable, 8, NOW), THIS_HOUR - 10 * HOUR + HOUR + DAY)
})

test('room that depends on others alone is not forecast', () => {
  assert.equal(freeAt({ free: 0, used: used([3, 1]) }, 2, NOW), null)
  assert.equal(endsAt({ free: 0, used: used() }, 1, NOW), null)
})

test('work above the allowance ends after as many days as it needs', () => {
  const spendable = { free: 100, used: used() }
  assert.equal(endsAt(spendable, 100, NOW), NOW)
  assert.equal(endsAt(spendable, 101, NOW), NOW + DAY)
  assert.equal(endsAt(spendable, 350, NOW), NOW + 3 * DAY)
  assert.equal(endsAt(spendable, 100 * 400, NOW), null)
})

test('an allowance runs out when it is used faster than it comes back', () => {
  assert.equal(runsOutAt({ free: 100, used: used() }, 50, NOW), NOW + 2 * HOUR)
  assert.equal(runsOutAt({ free: 100, used: used() }, 4, NOW), null)
  assert.equal(runsOutAt({ free: 0, used: used() }, 0, NOW), NOW)
  // 10 come back after half an hour.
  assert.equal(runsOutAt({ free: 40, used: used([24, 10]) }, 50, NOW), NOW + HOUR)
})

test('the rate is that of this hour and the last one', () => {
  assert.equal(hourlyUse(used([0, 10], [1, 20], [2, 500]), NOW), 20)
})

const spendables = fc.record({
  free: fc.integer({ min: -50, max: 500 }),
  used: fc
    .array(fc.tuple(fc.integer({ min: 0, max: 24 }), fc.integer({ min: 1, max: 200 })))
    .map((hours) => used(...hours)),
})

test('more work never ends earlier, and more room never makes it end later', () => {
  const later = (a: number | null, b: number | null) => (b ?? Infinity) >= (a ?? Infinity)
  fc.assert(
    fc.property(spendables, fc.nat(2000), fc.nat(500), (spendable, amount, more) => {
      const end = endsAt(spendable, amount, NOW)
      assert.ok(later(end, endsAt(spendable, amount + more, NOW)))
      assert.ok(later(endsAt({ ...spendable, free: spendable.free + more }, amount, NOW), end))
      assert.ok(end === null || end >= NOW)
      // To use it all at once, it must be free at once.
      if (amount > 0) assert.ok(later(end, freeAt(spendable, amount, NOW)))
    }),
  )
})

test('a faster use never runs out later', () => {
  fc.assert(
    fc.property(spendables, fc.nat(300), fc.nat(300), (spendable, rate, more) => {
      const [slow, fast] = [rate, rate + more].map((each) => runsOutAt(spendable, each, NOW))
      assert.ok((fast ?? Infinity) <= (slow ?? Infinity))
    }),
  )
})
