import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  canonicalId,
  DIGIT,
  ID_LENGTH,
  SUFFIX_BYTES,
  suffixOf,
  to18,
} from '../../../src/shared/contract/record-id.ts'
import { fc } from '../../helpers/fast-check.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const id15 = fc.string({
  unit: fc.constantFrom(...ALPHABET),
  minLength: ID_LENGTH,
  maxLength: ID_LENGTH,
})

/** As the rule is told: each block's capitals, read backwards, as a binary number. */
function naiveSuffix(id: string): string {
  return [id.slice(0, 5), id.slice(5, 10), id.slice(10, 15)]
    .map((block) => {
      const bits = [...block].reverse().map((char) => (/[A-Z]/.test(char) ? '1' : '0'))
      return 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'[Number.parseInt(bits.join(''), 2)]
    })
    .join('')
}

test('the suffix is the one that Salesforce gives', () => {
  assert.equal(suffixOf('0038c00002hMS4k'), 'AAG')
  assert.equal(suffixOf('2aFRP000001BkIH'), '2A0')
  assert.equal(suffixOf('000000000000000'), 'AAA')
  assert.equal(suffixOf('AAAAAZZZZZQQQQQ'), '555')
})

test('the suffix agrees with the rule for every id', () => {
  fc.assert(fc.property(id15, (id) => assert.equal(suffixOf(id), naiveSuffix(id))))
})

test('both forms of an id have one canonical form', () => {
  fc.assert(
    fc.property(id15, (id) => {
      assert.equal(canonicalId(id), id)
      assert.equal(canonicalId(to18(id)), id)
      assert.equal(to18(id).length, 18)
    }),
  )
})

test('a change of case anywhere in an 18-character id is noticed', () => {
  fc.assert(
    fc.property(id15, fc.nat(17), (id, at) => {
      const whole = to18(id)
      const char = whole.charAt(at)
      const other = char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()
      fc.pre(other !== char)
      assert.equal(canonicalId(whole.slice(0, at) + other + whole.slice(at + 1)), undefined)
    }),
  )
})

test('an id that went through a program without case is refused, unless nothing was lost', () => {
  fc.assert(
    fc.property(id15, (id) => {
      const whole = to18(id)
      for (const damaged of [whole.toUpperCase(), whole.toLowerCase()]) {
        assert.equal(canonicalId(damaged), damaged === whole ? id : undefined)
      }
    }),
  )
})

test('what is no id is none', () => {
  const id = '0038c00002hMS4k'
  const foreign = [
    ...['', id.slice(1), `${id}A`, `${id}AA`, `${id}AAGA`, `${id}AAF`, `${id}aag`, `${id}AA6`],
    ...[` ${id}`, `${id} `, `${id}\n`, `${id}AAG\n`, `"${id}"`, `${id.slice(0, 14)}-`],
    ...[`${id.slice(0, 14)}é`, `${id.slice(0, 14)}０`, `${id}AAＧ`],
  ]
  for (const text of foreign) assert.equal(canonicalId(text), undefined, JSON.stringify(text))
  const unit = fc.constantFrom(...ALPHABET, '-', ' ', 'é')
  const anything = fc.oneof(fc.string(), fc.string({ unit, minLength: 14, maxLength: 19 }))
  fc.assert(
    fc.property(anything, (text) => {
      const found = canonicalId(text)
      assert.ok(found === undefined || (text.startsWith(found) && /^[0-9A-Za-z]{15}$/.test(found)))
    }),
  )
})

test('digits ascend as ASCII does, and nothing else is a digit', () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte)
  const digits = bytes.filter((byte) => DIGIT[byte] !== 255)
  assert.equal(String.fromCharCode(...digits), ALPHABET)
  assert.deepEqual(
    digits.map((byte) => DIGIT[byte]),
    ALPHABET.split('').map((_, value) => value),
  )
})

test('the numeric order of ids is their byte order', () => {
  const value = (id: string) =>
    [...Buffer.from(id)].reduce((sum, byte) => sum * 62n + BigInt(DIGIT[byte] ?? 255), 0n)
  fc.assert(
    fc.property(id15, id15, (a, b) => {
      const order = Buffer.compare(Buffer.from(a), Buffer.from(b))
      assert.equal(value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0, order)
    }),
  )
})

test('the suffix table is that of the suffix', () => {
  for (const [bits, byte] of SUFFIX_BYTES.entries()) {
    const block = Array.from({ length: 5 }, (_, k) => ((bits >> k) & 1 ? 'A' : 'a')).join('')
    assert.equal(suffixOf(`${block}0000000000`)[0], String.fromCharCode(byte))
  }
  assert.equal(SUFFIX_BYTES.length, 32)
})
