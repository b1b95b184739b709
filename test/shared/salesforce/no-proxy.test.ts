import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exemptBy, proxyUrl } from '../../../src/shared/salesforce/connections.ts'
import { fc } from '../../helpers/fast-check.ts'

/** NO_PROXY, and whom it exempts: checked against curl 7.88, but for what is marked. */
const TABLE: readonly [noProxy: string, url: string, isExempt: boolean][] = [
  ['salesforce.com', 'https://salesforce.com', true],
  ['salesforce.com', 'https://acme.my.salesforce.com', true],
  ['salesforce.com', 'https://notsalesforce.com', false],
  ['salesforce.com', 'https://salesforce.com.example.org', false],
  ['.salesforce.com', 'https://acme.my.salesforce.com', true],
  ['.salesforce.com', 'https://salesforce.com', true],
  ['.salesforce.com', 'https://notsalesforce.com', false],
  ['Acme.My.SalesForce.com.', 'https://acme.my.salesforce.com', true],
  ['acme.my.salesforce.com', 'https://ACME.my.salesforce.com.', true],
  ['a.example,salesforce.com', 'https://acme.my.salesforce.com', true],
  ['a.example, salesforce.com', 'https://acme.my.salesforce.com', true],
  ['a.example salesforce.com', 'https://acme.my.salesforce.com', true],
  [' ,, salesforce.com ,', 'https://acme.my.salesforce.com', true],
  ['', 'https://acme.my.salesforce.com', false],
  [' , ', 'https://acme.my.salesforce.com', false],
  ['.', 'https://acme.my.salesforce.com', false],
  ['*', 'https://acme.my.salesforce.com', true],
  ['127.0.0.1', 'https://127.0.0.1:8443', true],
  ['127.0.0.1', 'https://127.0.0.10', false],
  ['0.0.1', 'https://127.0.0.1', false],
  ['10.0.0.0/8', 'https://10.20.30.40', true],
  ['10.0.0.0/8', 'https://11.0.0.1', false],
  ['10.0.0.0/33', 'https://10.20.30.40', false],
  ['::1', 'https://[::1]', true],
  ['fd00::/8', 'https://[fe80::1]', false],
  // Beyond curl, as Go or Node have it.
  ['0:0:0:0:0:0:0:1', 'https://[::1]', true],
  ['fd00::/8', 'https://[fd12:3456::1]', true],
  ['[::1]', 'https://[::1]:8443', true],
  ['*.salesforce.com', 'https://acme.my.salesforce.com', true],
  ['a.example,*', 'https://acme.my.salesforce.com', true],
  ['salesforce.com:443', 'https://acme.my.salesforce.com', true],
  ['salesforce.com:8443', 'https://acme.my.salesforce.com', false],
  ['salesforce.com:8443', 'https://acme.my.salesforce.com:8443', true],
  ['[::1]:8443', 'https://[::1]:8443', true],
  ['[::1]:8443', 'https://[::1]', false],
]

test('NO_PROXY exempts whom it exempts for curl', () => {
  for (const [noProxy, url, isExempt] of TABLE) {
    assert.equal(exemptBy(noProxy)(new URL(url)), isExempt, `NO_PROXY='${noProxy}' and ${url}`)
  }
})

test('a name stands for all below it, in any list and case', () => {
  const name = fc.domain().filter((domain) => !/(^|\.)\d+$/.test(domain))
  const list = fc.array(name, { maxLength: 4 })
  fc.assert(
    fc.property(name, list, fc.constantFrom(',', ' ', ', '), (domain, others, separator) => {
      const noProxy = [...others, domain.toUpperCase()].join(separator)
      for (const host of [domain, `below.${domain}`]) {
        assert.ok(exemptBy(noProxy)(new URL(`https://${host}`)), `${noProxy} and ${host}`)
      }
      assert.ok(!exemptBy(domain)(new URL(`https://x${domain}`)))
    }),
  )
})

test('a proxy is a URL of http or https, or a host and a port', () => {
  assert.equal(proxyUrl('http://proxy:3128'), 'http://proxy:3128/')
  assert.equal(proxyUrl('https://ada:pw@proxy'), 'https://ada:pw@proxy/')
  assert.equal(proxyUrl('proxy.example.com:3128'), 'http://proxy.example.com:3128/')
  assert.equal(proxyUrl(' ada:pw@proxy:3128 '), 'http://ada:pw@proxy:3128/')
  for (const text of ['socks5://proxy:1080', 'proxy:password', 'ftp://proxy', '://', 'http://p/x'])
    assert.equal(proxyUrl(text), undefined, text)
})
