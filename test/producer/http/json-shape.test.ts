import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpError } from '../../../src/producer/http/http-error.ts'
import { jsonShape } from '../../../src/producer/http/json-shape.ts'
import { LIMITS as SERVICE_LIMITS } from '../../../src/producer/http/limits.ts'
import { PRIORITIES, parseRequest, REQUEST_BYTES } from '../../../src/shared/contract/request.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { ids18 } from '../../helpers/ids.ts'

const atWork = SERVICE_LIMITS.json
const LIMITS = { depth: 4, values: 12 }

/** The code that a text is refused with, in whatever blocks it comes; null where it is not. */
function refusalOf(text: string, cuts: readonly number[] = [], limits = LIMITS): string | null {
  const bytes = Buffer.from(text)
  const look = jsonShape(limits)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  try {
    let begin = 0
    for (const end of ends) {
      look(bytes.subarray(begin, end))
      begin = end
    }
    return null
  } catch (error) {
    assert.ok(error instanceof HttpError, String(error))
    return error.code
  }
}

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map(depthOf))
    : 0
const commasOf = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Math.max(0, Object.keys(value).length - 1) +
      Object.values(value).reduce<number>((sum, inner) => sum + commasOf(inner), 0)
    : 0

test('a text is refused exactly where it is too deep or has too many values', () => {
  const noisy = fc.string({ unit: fc.constantFrom('"', '\\', '[', '{', ',', 'a', 'ö', '😀', ']') })
  const json = fc.jsonValue({ maxDepth: 6, noUnicodeString: false })
  const value = fc.oneof(json, fc.array(noisy), fc.dictionary(noisy, fc.array(noisy)))
  fc.assert(
    fc.property(value, fc.array(fc.nat()), fc.constantFrom(0, 2), (value, cuts, indent) => {
      const refusal = refusalOf(JSON.stringify(value, null, indent), cuts)
      const isFine = depthOf(value) <= LIMITS.depth && commasOf(value) < LIMITS.values
      assert.equal(refusal === null, isFine, String(refusal))
    }),
    { numRuns: runs(2000) },
  )
})

test('the first bracket too many is refused, before the rest has come', () => {
  for (const open of ['[', '{"a":', '[{"a":']) {
    assert.equal(refusalOf(open.repeat(atWork.depth + 1), [], atWork), 'BODY_TOO_DEEP', open)
  }
  assert.equal(refusalOf('['.repeat(atWork.depth), [], atWork), null)
  assert.equal(refusalOf(`[${'1,'.repeat(atWork.values)}`, [], atWork), 'BODY_TOO_LARGE')
  assert.equal(refusalOf(`{${'"a":1,'.repeat(atWork.values)}`, [], atWork), 'BODY_TOO_LARGE')
  assert.equal(refusalOf(`["${'[{,'.repeat(atWork.values)}\\"[[["]`, [], atWork), null)
})

test('the largest lawful request is within every limit, however it is written', () => {
  const escaped = (text: string) =>
    text.replaceAll(/[\ud800-\udfff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`)
  // A character of two UTF-16 units counts as one, and takes twelve bytes if it is escaped.
  const text = (length: number) => '\u{1f5d1}'.repeat(length)
  const label = (n: number) => [`l${n}`.padEnd(63, 'x'), text(200)]
  const request = {
    id: 'x'.repeat(128),
    org: 'x'.repeat(64),
    object: 'X'.repeat(80),
    ...{ operation: 'hardDelete', priority: PRIORITIES[1], onInvalid: 'refuse' },
    ...{ onUnchecked: 'refuse', maxRecords: 1e15, maxFailureRatio: 0.123456789012345 },
    ...{ dryRun: false, approval: 'required', coalesce: false },
    deadline: '2026-12-01T00:00:00.000+00:00',
    reason: text(1000),
    labels: Object.fromEntries(Array.from({ length: 16 }, (_, n) => label(n))),
    callbackUrl: `https://${'u'.repeat(2040)}`,
    source: { type: 'ids', ids: ids18(10_000) },
  }
  const pretty = JSON.stringify(request, null, 7).replaceAll('\n', '\r\n')
  const worst = escaped(pretty)
  assert.equal(parseRequest(JSON.parse(worst), 0).id, request.id)
  for (const text of [JSON.stringify(request), pretty, worst]) {
    assert.equal(refusalOf(text, [], atWork), null)
    assert.ok(Buffer.byteLength(text) <= REQUEST_BYTES, String(text.length))
  }
})
