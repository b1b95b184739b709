import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  backoff,
  LONGEST_SERVER_WAIT_MS,
  parseRetryAfter,
} from '../../../src/shared/base/backoff.ts'
import { fc } from '../../helpers/fast-check.ts'

describe('the wait before another try', () => {
  const first = fc.integer({ min: 0, max: 600_000 })
  const factor = fc.double({ min: 1, max: 10, noNaN: true })
  const cap = fc.integer({ min: 1, max: 3_600_000 })
  const failures = fc.integer({ min: 1, max: 100_000 })
  const random = fc.double({ min: 0, max: 1, noNaN: true })

  test('is the first one at first, and never longer than the cap', () => {
    fc.assert(
      fc.property(first, factor, cap, failures, (first, factor, cap, failures) => {
        for (const terms of [
          { first, cap },
          { first, factor, cap },
        ]) {
          assert.equal(backoff(terms)(1), Math.min(first, cap))
          assert.ok(backoff(terms)(failures) <= cap)
        }
      }),
    )
  })

  test('grows by its factor, or by the first one without a factor, and never shrinks', () => {
    const few = fc.integer({ min: 1, max: 12 })
    fc.assert(
      fc.property(first, fc.integer({ min: 1, max: 4 }), few, (first, factor, failures) => {
        const exponential = backoff({ first, factor })
        const linear = backoff({ first })
        assert.equal(exponential(failures + 1), exponential(failures) * factor)
        assert.equal(linear(failures + 1), linear(failures) + first)
      }),
    )
    fc.assert(
      fc.property(first, factor, cap, failures, (first, factor, cap, failures) => {
        for (const terms of [
          { first, cap },
          { first, factor, cap },
        ]) {
          assert.ok(backoff(terms)(failures + 1) >= backoff(terms)(failures))
        }
      }),
    )
  })

  test('varies within its jitter alone', () => {
    const range = fc.tuple(random, random).map(([a, b]) => [1 - a, 1 + b] as const)
    fc.assert(
      fc.property(
        first,
        factor,
        failures,
        range,
        random,
        (first, factor, failures, jitter, random) => {
          const terms = { first, factor, cap: 60_000 }
          const plain = backoff(terms)(failures)
          const wait = backoff({ ...terms, jitter })(failures, random)
          const [from, to] = jitter
          assert.ok(wait >= plain * from - 1e-6 && wait <= plain * to + 1e-6, `${wait} of ${plain}`)
        },
      ),
    )
  })

  test('is a number, whatever comes: no wait stays none for ever', () => {
    assert.equal(backoff({ first: 0, factor: 4 })(5000, 0), 0)
    assert.equal(backoff({ first: 1, factor: 4, cap: 10 })(5000, 0), 10)
  })
})

const NOW = Date.UTC(2026, 0, 2, 12, 0, 0)
const HOUR = 3_600_000

const CASES: readonly (readonly [header: string | undefined, ms: number | null])[] = [
  ['120', 120_000],
  [' 7 ', 7000],
  ['1.5', 1500],
  ['0', 0],
  ['Fri, 02 Jan 2026 12:00:30 GMT', 30_000],
  ['Friday, 02-Jan-26 12:00:30 GMT', 30_000],
  ['Fri, 02 Jan 2026 11:00:00 GMT', 0],
  ['3600', HOUR],
  ['86400', HOUR],
  ['99999999999999999999', HOUR],
  ['9'.repeat(400), HOUR],
  ['Fri, 31 Dec 9999 23:59:59 GMT', HOUR],
  ['-5', null],
  ['-86400', null],
  ['1e9', null],
  ['Infinity', null],
  ['2026', 2026_000],
  ['2026-01-02', null],
  ['Fri, 99 Xxx 2026', null],
  ['soon', null],
  ['', null],
  [undefined, null],
]

for (const [header, ms] of CASES) {
  test(`Retry-After: ${header?.slice(0, 40)} is ${ms === null ? 'no wait' : `${ms} ms`}`, () => {
    assert.equal(parseRetryAfter(header, NOW), ms)
  })
}

test('whatever a server sends, the wait is at most an hour and never below zero', () => {
  const dates = fc.date({ noInvalidDate: true }).map((date) => date.toUTCString())
  const headers = fc.oneof(fc.string(), fc.bigInt().map(String), fc.double().map(String), dates)
  fc.assert(
    fc.property(headers, (header) => {
      const ms = parseRetryAfter(header, NOW)
      assert.ok(ms === null || (ms >= 0 && ms <= LONGEST_SERVER_WAIT_MS), String(ms))
    }),
  )
})
