import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redact } from '../../../src/shared/base/secret-masking.ts'
import { to18 } from '../../../src/shared/contract/record-id.ts'
import { fc } from '../../helpers/fast-check.ts'

test('tokens, assertions, addresses, proxy passwords and record ids are struck out', () => {
  for (const [text, clean] of [
    ['token 00D5f000004XZjp!AQ4.abc_d used', 'token [token] used'],
    ['Authorization: Bearer abc.def!ghi', 'Authorization: Bearer [token]'],
    ['got eyJhbGciOi.eyJpc3M-x_.c2ln!', 'got [token]!'],
    ['via http://user:pw@proxy:3128', 'via http://proxy:3128'],
    ['user jane.doe@example.com is locked', 'user [address] is locked'],
    ['locked by 0038c00002hMS4k,0038c00002hMS4kAAG', 'locked by [id],[id]'],
  ] as const) {
    assert.equal(redact(text), clean)
  }
})

test('a sentence that names tokens stays whole', () => {
  for (const text of ['The Bearer token is invalid', 'Bearer authentication failed for 750x']) {
    assert.equal(redact(text), text)
  }
})

test('jobs, orgs and Salesforce codes stay readable', () => {
  const text =
    'Found 7505fEXAMPLE4C2AAM in 00D5f000004XZjpEAG: REQUEST_LIMIT_EXCEEDED INVALIDJOBSTATE'
  assert.equal(redact(text), text)
})

test('no record id survives, wherever it stands', () => {
  const id15 = fc
    .stringMatching(/^[0-9A-Za-z]{12}$/)
    .chain((tail) => fc.constantFrom('003', '00Q', '701', '1sg', '2aF').map((p) => p + tail))
  fc.assert(
    fc.property(id15, fc.boolean(), (id, long) => {
      const written = long ? to18(id) : id
      assert.ok(!redact(`deleting (${written}), failed`).includes(id))
    }),
  )
})

test('a given secret is struck out even where it is cut by punctuation', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8 }), fc.string(), fc.string(), (secret, before, after) => {
      fc.pre(!before.includes(secret) && !'[secret]'.includes(secret.trim()))
      const clean = redact(`${before}<${secret}>${after}`, [secret])
      assert.ok(!clean.includes(secret) || after.includes(secret))
    }),
  )
})

test('a long text is cut to one line of bounded length', () => {
  const clean = redact(`a\n\n b${'x'.repeat(1000)}`)
  assert.ok(clean.startsWith('a b') && clean.endsWith('…'))
  assert.equal(clean.length, 301)
})
