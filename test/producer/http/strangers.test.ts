import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStrangers } from '../../../src/producer/http/strangers.ts'
import { systemClock } from '../../../src/shared/base/clock.ts'

function setup() {
  let now = 1_000_000
  const count = createStrangers({ ...systemClock, now: () => now })
  return {
    count,
    /** Until the address has no more. */
    spend: (address: string) => {
      for (let n = 0; n < 60; n++) assert.equal(count(address), 0, `${address}, call ${n}`)
      assert.notEqual(count(address), 0)
    },
    pass: (seconds: number) => {
      now += seconds * 1000
    },
  }
}

test('an address fails sixty times, is told when it may again, and then may once', () => {
  const { count, spend, pass } = setup()
  spend('192.0.2.1')
  assert.equal(count('192.0.2.1'), 1)
  pass(1)
  assert.equal(count('192.0.2.1'), 0)
  assert.equal(count('192.0.2.1'), 1)
  pass(60)
  spend('192.0.2.1')
})

test('an IPv6 network of 64 bits is one, and IPv4 in IPv6 is itself', () => {
  const { count, spend } = setup()
  spend('2001:db8:1:2::1')
  assert.notEqual(count('2001:db8:1:2:ffff::9'), 0)
  assert.equal(count('2001:db8:1:3::1'), 0)
  spend('::ffff:192.0.2.9')
  assert.notEqual(count('192.0.2.9'), 0)
  assert.equal(count('192.0.2.10'), 0)
})

test('ten thousand addresses are remembered, those that failed last', () => {
  const { count, spend } = setup()
  spend('192.0.2.1')
  spend('192.0.2.2')
  for (let n = 0; n < 9_999; n++) count(`10.0.${n >> 8}.${n & 255}`)
  assert.equal(count('192.0.2.1'), 0, 'forgotten')
  spend('192.0.2.3')
  for (let n = 0; n < 5_000; n++) count(`10.1.${n >> 8}.${n & 255}`)
  assert.notEqual(count('192.0.2.3'), 0)
})
