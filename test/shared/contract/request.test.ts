import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RefusedError } from '../../../src/shared/base/errors.ts'
import { parseLabels } from '../../../src/shared/contract/labels.ts'
import {
  parseRequest,
  REQUEST_ID,
  type StoredRequest,
  storedSchema,
  toStored,
} from '../../../src/shared/contract/request.ts'
import { parseStoredRequest, storedRequestJson } from '../../../src/shared/contract/request-json.ts'
import { InvalidRequestError } from '../../../src/shared/contract/request-problems.ts'
import { bodyHash, differences } from '../../../src/shared/store/intake/taken.ts'
import { fc, runs } from '../../helpers/fast-check.ts'

const NOW = Date.UTC(2026, 10, 23, 22, 5, 9)
const FILE = { type: 'file', path: '/data/ids.csv' }
const IDS = { type: 'ids', ids: ['0038c00002hMS4k', '0038c00002hMS4kAAG'] }
const MINIMAL = { object: 'Contact', source: FILE }
const STAGED = { lot: 'upload-1', inRecord: false, bytes: 30, sha256: 'a'.repeat(64) }

const stored = (fields: object): StoredRequest =>
  toStored(parseRequest({ id: 'r', ...MINIMAL, ...fields }, NOW))
const hashOf = (fields: object) => bodyHash(stored(fields), null)

/** Why the parser refuses it. */
function problemOf(input: unknown): string {
  try {
    parseRequest(input, NOW)
  } catch (error) {
    assert.ok(error instanceof RefusedError)
    assert.equal(error.code, 'INVALID_REQUEST')
    assert.equal(error.retryable, false)
    return error.message
  }
  return assert.fail(`accepted ${JSON.stringify(input)}`)
}

test('everything but object and source has a default', () => {
  assert.deepEqual(parseRequest({ id: 'gdpr-1', ...MINIMAL }, NOW), {
    id: 'gdpr-1',
    org: 'default',
    object: 'Contact',
    operation: 'delete',
    source: FILE,
    priority: 'normal',
    onInvalid: 'refuse',
    onUnchecked: 'refuse',
    maxRecords: null,
    maxFailureRatio: 0.5,
    expectCount: null,
    expectSha256: null,
    refuseActive: false,
    dryRun: false,
    deletedFile: false,
    approval: 'auto',
    coalesce: true,
    deadline: null,
    reason: null,
    labels: {},
    retryOf: null,
    callbackUrl: null,
  })
})

test('every field is taken as it was written', () => {
  const request = {
    id: 'Gdpr_2026.000-123',
    org: 'emea_1',
    object: 'Invoice__c',
    operation: 'hardDelete',
    source: { type: 'upload', column: 'Record Id' },
    priority: 'high',
    onInvalid: 'skip',
    onUnchecked: 'accept',
    maxRecords: 100_000,
    maxFailureRatio: 0.5,
    expectCount: 5,
    expectSha256: 'e'.repeat(64),
    refuseActive: true,
    dryRun: true,
    deletedFile: true,
    approval: 'required',
    coalesce: false,
    deadline: '2026-12-01T00:00:00+01:00',
    reason: 'Art. 17 request 123',
    labels: { ticket: '4711', caller: 'crm' },
    retryOf: 'gdpr-2025',
    callbackUrl: 'https://example.com/done?x=1',
  }
  assert.deepEqual(parseRequest(request, NOW), request)
})

test('every wrong field is named at once', () => {
  const wrong = {
    id: '-no',
    org: 'a b',
    object: '',
    operation: 'undelete',
    priority: 'urgent',
    onInvalid: 'ignore',
    onUnchecked: 'skip',
    maxRecords: 0,
    maxFailureRatio: 1.5,
    dryRun: 'yes',
    approval: 'maybe',
    coalesce: 1,
    deadline: 'soon',
    reason: 'x'.repeat(1_001),
    callbackUrl: 'example.com',
  }
  const ids = ['ok', 'a,b', 7, ...Array(50).fill('a,b')]
  const message = problemOf({ ...wrong, source: { type: 'ids', ids } })
  for (const field of [...Object.keys(wrong), 'source.ids.1', 'source.ids.2']) {
    assert.ok(message.includes(` ${field}: `), `${field} in ${message}`)
  }
  assert.match(message, /and 47 more$/)
})

test('unknown fields are refused by name, in the request and in its source', () => {
  assert.match(problemOf({ ...MINIMAL, maxRecrods: 5 }), /maxRecrods/)
  assert.match(problemOf({ ...MINIMAL, source: { ...FILE, collumn: 'Id' } }), /collumn/)
  assert.match(problemOf({ ...MINIMAL, source: { ...IDS, column: 'Id' } }), /column/)
})

test('of very many wrong fields the first hundred are named, and all are counted', () => {
  const unknown = Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => [`f${at}`, at]))
  const ids = Array(150).fill('a,b')
  for (const [wrong, count] of [
    [unknown, 3_000],
    [{ source: { type: 'ids', ids } }, 150],
    [{ ...unknown, priority: 'urgent' }, 3_001],
  ] as const) {
    assert.throws(
      () => parseRequest({ ...MINIMAL, ...wrong }, NOW),
      (error) => {
        assert.ok(error instanceof InvalidRequestError)
        assert.deepEqual([error.count, error.problems.length], [count, 100])
        assert.match(error.message, new RegExp(`and ${count - 20} more$`))
        return true
      },
    )
  }
})

test('prototype keys are unknown fields like others, and reach no prototype', () => {
  for (const key of ['__proto__', 'constructor', 'toString']) {
    const text = `{"object":"Contact","source":{"type":"upload"},"${key}":{"dryRun":true}}`
    assert.match(problemOf(JSON.parse(text)), new RegExp(key))
    const source = `{"object":"Contact","source":{"type":"upload","${key}":{}}}`
    assert.match(problemOf(JSON.parse(source)), new RegExp(key))
  }
  assert.equal(Object.hasOwn(Object.prototype, 'dryRun'), false)
})

test('what is no object is refused', () => {
  for (const input of [undefined, null, 5, 'Contact', [], [MINIMAL]]) problemOf(input)
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (input) => {
      problemOf(input)
    }),
  )
})

test('sources: unknown types, missing parts and too many ids are refused', () => {
  const wrong = [
    ...[{ type: 'ftp' }, {}, null, 'ids', { type: 'file' }, { type: 'file', path: '' }],
    ...[
      { ...FILE, sha256: 'A'.repeat(64) },
      { ...FILE, sha256: 'a' },
      { type: 'ids' },
      { type: 'ids', ids: '003' },
      { type: 'upload', column: '' },
    ],
    { type: 'ids', ids: Array(10_001).fill('x') },
  ]
  for (const source of wrong) assert.match(problemOf({ object: 'Contact', source }), /source/)
  const most = { type: 'ids', ids: Array(10_000).fill('x') }
  assert.deepEqual(parseRequest({ object: 'Contact', source: most }, NOW).source, most)
})

test('inline ids cannot smuggle rows, columns or quotes into a CSV', () => {
  for (const id of ['a\nb', 'a\rb', 'a,b', 'a;b', 'a|b', 'a\tb', 'a"b', 'a\0b', 'a\u0085b']) {
    const message = problemOf({ object: 'Contact', source: { type: 'ids', ids: [id] } })
    assert.match(message, /source\.ids\.0: expected a record id/)
    assert.ok(!message.includes(id), 'the value may be personal data')
  }
})

test('numbers, times and addresses must be what they are called', () => {
  for (const maxRecords of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5']) {
    assert.match(problemOf({ ...MINIMAL, maxRecords }), /maxRecords/)
  }
  for (const maxFailureRatio of [-0.1, 1.01, Number.NaN, '0.5']) {
    assert.match(problemOf({ ...MINIMAL, maxFailureRatio }), /maxFailureRatio/)
  }
  for (const deadline of ['tomorrow', '2026-12-01', '2026-12-01T00:00:00', 1_764_547_200_000]) {
    assert.match(problemOf({ ...MINIMAL, deadline }), /deadline/)
  }
  for (const callbackUrl of ['ftp://x', 'javascript:alert(1)', 'file:///etc/passwd', 'x']) {
    assert.match(problemOf({ ...MINIMAL, callbackUrl }), /callbackUrl/)
  }
})

test('a request id names a folder and nothing outside it', () => {
  const names = ['.', '..', '../x', 'a/b', 'a\\b', '', '-a', '_a', 'a b', 'a:b', 'é', 'a\n']
  for (const id of [...names, 'a'.repeat(129)]) {
    assert.match(problemOf({ ...MINIMAL, id }), / id: /, JSON.stringify(id))
  }
  for (const id of ['a', '0', 'a'.repeat(128), 'A.b_c-1', 'a..b']) {
    assert.equal(parseRequest({ ...MINIMAL, id }, NOW).id, id)
  }
})

test('a generated id tells the time, is valid in any case, and is one’s own', () => {
  const ids = Array.from({ length: 5_000 }, () => parseRequest(MINIMAL, NOW).id)
  for (const id of ids) {
    assert.match(id, /^20261123-220509-[0-9a-z]{6}$/)
    assert.match(id, REQUEST_ID)
    assert.equal(id, id.toLowerCase())
  }
  // Of 5,000 in one second, two are alike once in 174 runs; three pairs would be a defect.
  assert.ok(new Set(ids).size >= ids.length - 2)
})

test('the stored form holds no id of a record and reads back as it was', () => {
  const request = parseRequest({ id: 'r', object: 'Contact', source: IDS }, NOW)
  const kept = toStored(request)
  assert.deepEqual(kept.source, { type: 'ids' })
  assert.ok(!JSON.stringify(kept).includes('0038c'))
  for (const source of [IDS, FILE, { ...FILE, column: 'Id' }, { type: 'upload' }]) {
    const form = stored({ source })
    assert.deepEqual(parseStoredRequest(JSON.stringify(form)), form)
  }
})

test('what is no stored request is not believed', () => {
  const whole = stored({})
  for (const wrong of [{ ...whole, org: undefined, id: 5 }, {}, null]) {
    assert.throws(() => parseStoredRequest(JSON.stringify(wrong)), { name: 'ZodError' })
  }
  assert.throws(() => parseStoredRequest(''), SyntaxError)
})

test('fields that a newer version has stored are passed over', () => {
  const whole = stored({})
  const newer = { ...whole, source: { ...whole.source, region: 'eu' }, tomorrow: true }
  assert.deepEqual(parseStoredRequest(JSON.stringify(newer)), whole)
})

test('a request with fields that protect records is read only by versions that know them', () => {
  const except = { type: 'ids', ids: [] }
  for (const fields of [
    { source: { ...FILE, except } },
    { source: { type: 'union', of: [{ ...IDS, except }, FILE] } },
    { source: { type: 'union', of: [FILE], except: FILE } },
    { refuseActive: true },
    { refuseActive: true, source: { ...FILE, except } },
  ]) {
    const form = stored(fields)
    const json = storedRequestJson(form)
    assert.deepEqual(parseStoredRequest(json), form)
    // Versions that ignore the fields parse the JSON as it is.
    assert.equal(storedSchema.safeParse(JSON.parse(json)).success, false, json)
    const newer = JSON.parse(json)
    newer.source.type += '+tomorrow'
    assert.throws(() => parseStoredRequest(JSON.stringify(newer)), { name: 'ZodError' })
  }
  assert.equal(storedRequestJson(stored({})), JSON.stringify(stored({})))
})

test('a field at its default counts as not said', () => {
  assert.equal(hashOf({ priority: 'normal', dryRun: false, reason: null }), hashOf({}))
})

test('the order of keys does not tell two requests apart', () => {
  const fields = { priority: 'high', reason: 'x', dryRun: true, source: { ...FILE, column: 'Id' } }
  const permuted = fc.shuffledSubarray(Object.entries({ ...MINIMAL, ...fields }), { minLength: 5 })
  const expected = hashOf(fields)
  fc.assert(
    fc.property(permuted, fc.boolean(), (entries, isReversed) => {
      const { source, ...rest } = Object.fromEntries(entries)
      const parts = Object.entries(fields.source)
      const shuffled = Object.fromEntries(isReversed ? parts.reverse() : parts)
      const request = { id: 'r', source: shuffled, ...rest }
      assert.ok(source)
      assert.equal(bodyHash(toStored(parseRequest(request, NOW)), null), expected)
      // As Redis gives it back, whoever wrote it.
      const backwards = Object.fromEntries(Object.entries(stored(fields)).reverse())
      assert.equal(bodyHash(parseStoredRequest(JSON.stringify(backwards)), null), expected)
    }),
    { numRuns: runs(30) },
  )
})

test('no labels are the same request as before there were any, and their order says nothing', () => {
  assert.equal(hashOf({ labels: {} }), hashOf({}))
  // As versions without labels computed it.
  const before = 'fafc81a8989a5d1555251bc3e90892b809c907afec4e2560ad2efe3c9b5b1617'
  assert.equal(hashOf({ reason: 'x', labels: {} }), before)
  const [ab, ba] = [stored({ labels: { a: 'x', b: 'y' } }), stored({ labels: { b: 'y', a: 'x' } })]
  assert.equal(bodyHash(ab, null), bodyHash(ba, null))
  const known = { staged: null, content: null }
  assert.deepEqual(differences({ request: ab, ...known }, { request: ba, ...known }), [])
  assert.deepEqual(differences({ request: stored({}), ...known }, { request: ab, ...known }), [
    'labels',
  ])
})

test('labels are texts under plain names, sixteen at most', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`l${at}`, '']))
  const emoji = '\u{1f5d1}'.repeat(200)
  for (const labels of [{}, { a: 'x', 'b-c_1': emoji }, { constructor: 'x' }, many(16)]) {
    assert.deepEqual(stored({ labels }).labels, labels)
  }
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ Team: 'x' }, /labels\.Team: expected a name/],
    [{ '': 'x' }, /labels\.: expected a name/],
    [{ ['a'.repeat(64)]: 'x' }, /labels\.a+: expected a name/],
    [JSON.parse('{"__proto__": "x"}'), /labels\.__proto__: expected a name/],
    [{ a: `${emoji}x` }, /labels\.a: Too big/],
    [{ a: 'x\n' }, /labels\.a: expected text without control characters/],
    [{ a: 4711 }, /labels\.a: expected one text/],
    [many(17), /labels: expected at most 16/],
    [['a=x'], /labels: expected an object/],
    [null, /labels: expected an object/],
  ]
  for (const [labels, problem] of wrong) assert.match(problemOf({ ...MINIMAL, labels }), problem)
})

test('labels written as text are one text for each name', () => {
  assert.deepEqual(parseLabels(['ticket=4711', 'note=a=b, c', 'empty=']), {
    ...{ ticket: '4711', note: 'a=b, c', empty: '' },
  })
  for (const texts of [['ticket'], ['=x'], [''], ['a=1', 'a=2'], ['a=1', 'a'], ['Team=x']]) {
    assert.throws(
      () => parseLabels(texts),
      /label\.\S*: expected (?:one text|a name)/,
      String(texts),
    )
  }
})

test('a default that is written out is the same request', () => {
  const spelt = { org: 'default', operation: 'delete', maxRecords: null, coalesce: true }
  assert.equal(hashOf(spelt), hashOf({}))
  assert.equal(hashOf({ source: { ...FILE, column: undefined } }), hashOf({}))
})

test('the id, in whatever case, is no part of the body', () => {
  assert.equal(hashOf({ id: 'ABC' }), hashOf({ id: 'abc' }))
})

test('every field of the body tells two requests apart', () => {
  const variants = [
    ...[{}, { object: 'Lead' }, { operation: 'hardDelete' }, { priority: 'low' }],
    ...[{ onInvalid: 'skip' }, { onUnchecked: 'accept' }, { maxRecords: 1 }],
    ...[{ maxFailureRatio: 0 }, { dryRun: true }],
    ...[{ approval: 'required' }, { coalesce: false }, { deadline: '2026-12-01T00:00:00Z' }],
    ...[{ reason: 'x' }, { callbackUrl: 'https://example.com' }, { org: 'other' }],
    ...[{ labels: { a: 'x' } }, { labels: { a: 'y' } }, { labels: { b: 'x' } }],
    ...[{ source: { ...FILE, column: 'Id' } }, { source: { type: 'upload' } }, { source: IDS }],
  ]
  assert.equal(new Set(variants.map(hashOf)).size, variants.length)
})

test('where a file lies is no part of the body, nor which bytes it is said to hold', () => {
  assert.equal(hashOf({ source: { ...FILE, path: '/other' } }), hashOf({}))
  assert.equal(hashOf({ source: { ...FILE, sha256: 'a'.repeat(64) } }), hashOf({}))
})

test('staged bytes count by what they are, not by where they lie', () => {
  const request = stored({ source: IDS })
  const hash = bodyHash(request, STAGED)
  assert.equal(bodyHash(request, { ...STAGED, lot: 'upload-2' }), hash)
  assert.equal(bodyHash(request, { ...STAGED, inRecord: true }), hash)
  assert.notEqual(bodyHash(request, { ...STAGED, sha256: 'b'.repeat(64) }), hash)
  assert.notEqual(bodyHash(request, null), hash)
})

test('an object is a name, and a path has no NUL', () => {
  for (const object of ['Contact', 'Invoice__c', 'acme__Invoice__c', 'A1', 'x'.repeat(80)]) {
    assert.equal(parseRequest({ ...MINIMAL, object }, NOW).object, object)
  }
  const strange = ['', '1A', '_a', 'Con tact', 'Contact\n', 'Cont\u001b]52;c;AAAA\u0007', 'Ünit']
  for (const object of [...strange, 'x'.repeat(81)]) {
    assert.match(
      problemOf({ ...MINIMAL, object }),
      /object: expected the API name of an object: 1 to 80 letters, digits and "_", the first/,
    )
  }
  assert.match(
    problemOf({ ...MINIMAL, source: { type: 'file', path: '/data/a\0.csv' } }),
    /source\.path: expected a path without NUL/,
  )
})

test('a record of an older version stays readable, whatever its object', () => {
  const old = JSON.stringify({ ...stored({}), object: 'no name' })
  assert.equal(parseStoredRequest(old).object, 'no name')
})
