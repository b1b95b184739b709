import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, count, counted, duration, percent } from '../../../src/cli/render/format.ts'
import { fc } from '../../helpers/fast-check.ts'

test('counts have thousands apart, and words of their own for one', () => {
  assert.equal(count(999_000), '999,000')
  assert.equal(count(12.7), '13')
  assert.equal(counted(1, 'ingest job'), '1 ingest job')
  assert.equal(counted(1234, 'ingest job'), '1,234 ingest jobs')
})

test('durations have two units at most, the second of two digits', () => {
  const seconds = (value: number) => duration(value * 1000)
  assert.deepEqual(
    [0.04, 0.84, 9.94, 9.96, 59.4, 59.6, 185, 3599.6, 7620, 86_399, 273_600].map(seconds),
    [
      ...['0.0 s', '0.8 s', '9.9 s', '10 s', '59 s', '1 min 00 s', '3 min 05 s'],
      ...['1 h 00 min', '2 h 07 min', '1 d 00 h', '3 d 04 h'],
    ],
  )
})

test('no duration shows 60 of a unit', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e10, noNaN: true }), (ms) => {
      assert.doesNotMatch(duration(ms), /\b(?:60 (?:s|min)|24 h)/)
    }),
  )
})

test('memory is in MiB, from 1,024 of them in GiB', () => {
  assert.equal(bytes(143 * 1024 ** 2), '143 MiB')
  assert.equal(bytes(1.25 * 1024 ** 3), '1.3 GiB')
})

test('a part is 100 % only where nothing is left', () => {
  assert.equal(percent(999_999, 1_000_000), '99 %')
  assert.equal(percent(1_000_000, 1_000_000), '100 %')
  assert.equal(percent(0, 0), '100 %')
})
