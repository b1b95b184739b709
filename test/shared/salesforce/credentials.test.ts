import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../../src/shared/base/errors.ts'
import { assertHttps, jwtAudience } from '../../../src/shared/salesforce/credentials.ts'
import { fc } from '../../helpers/fast-check.ts'

test('an assertion for a sandbox names test.salesforce.com, any other login.salesforce.com', () => {
  const test = 'https://test.salesforce.com'
  const login = 'https://login.salesforce.com'
  for (const [host, audience] of [
    ['https://test.salesforce.com', test],
    ['https://acme--uat.sandbox.my.salesforce.com', test],
    ['https://acme--uat.sandbox.my.salesforce.com/', test],
    ['https://ACME--UAT.cs42.my.salesforce.com', test],
    ['https://acme--uat.my.salesforce.com', test],
    ['https://acme.scratch.my.salesforce.com', test],
    ['https://login.salesforce.com', login],
    ['https://acme.my.salesforce.com', login],
    ['https://sandbox.my.salesforce.com', login],
    ['https://acme-dev-ed.develop.my.salesforce.com', login],
  ] as const) {
    assert.equal(jwtAudience(host), audience, host)
  }
})

test('https is accepted anywhere', () => {
  assert.equal(assertHttps('https://acme.my.salesforce.com').host, 'acme.my.salesforce.com')
})

test('plain http is accepted to this machine', () => {
  for (const url of ['http://localhost:8080', 'http://[::1]:8080', 'http://127.0.0.1']) {
    assert.equal(assertHttps(url).href, new URL(url).href)
  }
  fc.assert(
    fc.property(fc.nat(255), fc.nat(255), fc.nat(255), (b, c, d) => {
      assert.ok(assertHttps(`http://127.${b}.${c}.${d}:1`))
    }),
  )
})

test('plain http is refused to any other host', () => {
  for (const url of [
    'http://acme.my.salesforce.com',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://127.evil.example',
    'http://10.0.0.1',
    'http://[::2]',
    'ftp://127.0.0.1',
    'acme.my.salesforce.com',
    '',
  ]) {
    assert.throws(() => assertHttps(url), ConfigError, url)
  }
})

test('a url with a password in it is refused without quoting the password', () => {
  assert.throws(
    () => assertHttps('https://user:hunter2@acme.my.salesforce.com', 'SALESFORCE_INSTANCE_URL'),
    (error) =>
      error instanceof ConfigError &&
      error.message.startsWith('SALESFORCE_INSTANCE_URL: ') &&
      !error.message.includes('hunter2'),
  )
})
