import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SourceError } from '../../../../src/shared/base/errors.ts'
import { download } from '../../../../src/worker/sources/http/download.ts'
import { InterruptedError } from '../../../../src/worker/sources/http/failure.ts'
import type { HttpAnswer } from '../../../../src/worker/sources/http/get.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'

/** How a server answers one request. */
interface Answering {
  /** The version that the object has then. */
  readonly version: number
  /** Bytes of the body until the connection breaks; null if it does not. */
  readonly cut: number | null
  readonly status: 200 | 503
  readonly ranges: 'honest' | 'none' | 'ignores If-Range' | 'misaligned' | 'short'
  readonly tells: 'etag' | 'weak etag' | 'old' | 'new' | 'nothing'
  readonly chunked: boolean
}

const DATE = 'Mon, 30 Nov 2026 12:00:00 GMT'

/** Versions differ by their validators: no server may give two the same. */
function validatorsOf({ version, tells }: Answering): Record<string, string> {
  switch (tells) {
    case 'etag':
      return { etag: `"${version}"` }
    case 'weak etag':
      return { etag: `W/"${version}"` }
    case 'old':
      return { date: DATE, 'last-modified': `Mon, 30 Nov 2026 10:00:0${version} GMT` }
    case 'new':
      return { date: DATE, 'last-modified': `Mon, 30 Nov 2026 11:59:5${version} GMT` }
    case 'nothing':
      return {}
    default:
      throw new TypeError(`Unknown validator ${tells satisfies never}`)
  }
}

function answer(
  bytes: Uint8Array,
  asked: Readonly<Record<string, string>>,
  answering: Answering,
): HttpAnswer {
  const { status, cut, ranges, chunked } = answering
  const validators = validatorsOf(answering)
  const from = Number(/\d+/.exec(asked['range'] ?? '')?.[0] ?? Number.NaN)
  const isSame =
    ranges === 'ignores If-Range' || Object.values(validators).includes(asked['if-range'] ?? '')
  const isRange = status === 200 && from < bytes.length && ranges !== 'none' && isSame
  const start = isRange ? Math.max(0, from - (ranges === 'misaligned' ? 1 : 0)) : 0
  const end = isRange && ranges === 'short' ? start + 1 : bytes.length
  const body = status === 200 ? bytes.subarray(start, end) : new Uint8Array()
  return {
    status: isRange ? 206 : status,
    headers: {
      ...validators,
      ...(isRange && { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }),
      ...(chunked && !isRange
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': String(body.length) }),
    },
    body: blocksOf(body, cut),
    discard: () => {},
  }
}

/** In blocks of three bytes, as a connection may cut them. */
async function* blocksOf(body: Uint8Array, cut: number | null): AsyncGenerator<Uint8Array> {
  const sent = cut === null ? body : body.subarray(0, cut)
  for (let at = 0; at < sent.length; at += 3) yield sent.subarray(at, at + 3)
  if (cut !== null && cut <= body.length) throw new InterruptedError('the connection was lost')
}

const content = fc.uint8Array({ maxLength: 24, max: 2 })
/** Alike, as versions of one list are: they often share their first bytes. */
const versions = fc
  .record({
    first: content,
    cuts: fc.tuple(fc.nat(24), fc.nat(24)),
    tails: fc.tuple(content, content),
  })
  .map(({ first, cuts, tails }) => [
    first,
    ...cuts.map((cut, n) => Uint8Array.from([...first.subarray(0, cut), ...(tails[n] ?? [])])),
  ])
const answering: fc.Arbitrary<Answering> = fc.record({
  version: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(2)),
  cut: fc.option(fc.nat(24)),
  status: fc.constantFrom(200, 200, 200, 503),
  ranges: fc.constantFrom('honest', 'honest', 'none', 'ignores If-Range', 'misaligned', 'short'),
  tells: fc.constantFrom('etag', 'weak etag', 'old', 'new', 'nothing'),
  chunked: fc.boolean(),
})

const usual = { cut: null, status: 200, ranges: 'honest', tells: 'etag', chunked: false } as const
/** Tells nothing that could be compared. */
const silent = { ...usual, version: 0, tells: 'nothing', chunked: true } as const
const ANOTHER_VERSION: [Uint8Array[], Answering[], boolean][] = [
  // It breaks off after as many bytes as the first version has.
  [
    [new Uint8Array(8), Uint8Array.of(0, 0, 0, 0, 0, 0, 1)],
    [
      { ...usual, version: 1, cut: 0 },
      { ...silent, cut: 7 },
      { ...usual, version: 0 },
    ],
    false,
  ],
  // As many bytes were given out as it has, but none of it was compared.
  [
    [new Uint8Array(8), Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0, 0)],
    [
      { ...silent, version: 1, cut: 8 },
      { ...usual, version: 0, cut: 0 },
      { ...usual, version: 0 },
    ],
    false,
  ],
  // It breaks off in the middle, and the server can send the rest of the first version.
  [
    [new Uint8Array(8), Uint8Array.of(1, 1, 1, 1, 1, 1, 1)],
    [
      { ...usual, version: 1, cut: 0 },
      { ...silent, cut: 3 },
      { ...usual, version: 1 },
    ],
    false,
  ],
]

test('a download gives exactly one version, or the beginning of one and an error', async () => {
  const ends = { whole: 0, changed: 0, failed: 0 }
  await fc.assert(
    fc.asyncProperty(
      versions,
      fc.array(answering, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (objects, answers, isSteady) => {
        let asked = 0
        const given: number[] = []
        const ended: number[] = []
        const bytes = download({
          name: 'https://files.example/ids.csv',
          get: async (headers) => {
            const answering = answers[Math.min(asked++, answers.length - 1)]
            assert.ok(answering !== undefined)
            // A server tells the same about every answer more often than not.
            const { tells } = (isSteady ? answers[0] : answering) ?? answering
            const object = objects[answering.version] ?? new Uint8Array()
            return answer(object, headers, { ...answering, tells })
          },
          opened: async () => {},
          ended: async (content) => void ended.push(content.bytes),
          maxBytes: 1000,
          clock: { now: () => 0, sleep: async () => {} },
        })
        try {
          for await (const block of bytes) given.push(...block)
          ends.whole += 1
          assert.ok(
            objects.some((object) => Buffer.from(given).equals(object)),
            'a mixture',
          )
          assert.deepEqual(ended, [given.length])
        } catch (error) {
          if (!(error instanceof SourceError)) throw error
          ends[error.code === 'SOURCE_CHANGED' ? 'changed' : 'failed'] += 1
          const isBeginning = (object: Uint8Array) =>
            Buffer.from(given).equals(object.subarray(0, given.length))
          assert.ok(objects.some(isBeginning), 'a mixture before an error')
          assert.deepEqual(ended, [])
        }
      },
    ),
    { numRuns: runs(1000), examples: ANOTHER_VERSION },
  )
  assert.ok(
    Object.values(ends).every((count) => count > 0),
    JSON.stringify(ends),
  )
})
