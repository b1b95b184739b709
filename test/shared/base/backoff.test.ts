import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LONGEST_SERVER_WAIT_MS, parseRetryAfter } from '../../../src/shared/base/backoff.ts'

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
