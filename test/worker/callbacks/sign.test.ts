import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { signatureHeaders } from '../../../src/worker/callbacks/sign.ts'

type Headers = Readonly<Record<string, string>>
type Check = (body: string, headers: Headers, secret: string, now: number) => boolean

/** The check as the page tells it to receivers: an example that no longer works fails here. */
async function checkOfThePage(): Promise<Check> {
  const page = await readFile(new URL('../../../docs/callbacks.md', import.meta.url), 'utf8')
  const [, code = ''] = /^```js\n(.*?)^```$/ms.exec(page) ?? []
  const module = await import(`data:text/javascript,${encodeURIComponent(code)}`)
  return module.isFromExpunge
}

const isFromExpunge = await checkOfThePage()
const NOW = Date.parse('2026-11-25T09:30:00.500Z')

const text = fc.string({ unit: 'binary' })
const secret = fc.string({ minLength: 32, maxLength: 64 })

test('the signature is HMAC-SHA256 over timestamp, dot and body', () => {
  // openssl: printf '1795685400.{"id":"a"}' | openssl dgst -sha256 -hmac 0123…
  const key = '0123456789abcdef0123456789abcdef'
  assert.deepEqual(signatureHeaders('{"id":"a"}', [key], 1_795_685_400_999), {
    'expunge-timestamp': '1795685400',
    'expunge-signature': 'v1=fcc830bc7015217005b1afce8ad2c335df77d4447d256236f86628598daf0b7a',
  })
})

test('a receiver who checks as the page says takes what was signed with its secret', () => {
  fc.assert(
    fc.property(text, fc.array(secret, { minLength: 1, maxLength: 5 }), (body, secrets) => {
      const headers = signatureHeaders(body, secrets, NOW)
      for (const each of secrets) assert.ok(isFromExpunge(body, headers, each, NOW))
    }),
  )
})

test('and nothing else: another body, secret or time', () => {
  fc.assert(
    fc.property(text, text, secret, secret, (body, other, key, wrong) => {
      fc.pre(body !== other && key !== wrong)
      const headers = signatureHeaders(body, [key], NOW)
      const at = (timestamp: string) => ({ ...headers, 'expunge-timestamp': timestamp })
      assert.ok(!isFromExpunge(other, headers, key, NOW))
      assert.ok(!isFromExpunge(body, headers, wrong, NOW))
      assert.ok(!isFromExpunge(body, at(String(Math.floor(NOW / 1000) + 1)), key, NOW))
    }),
  )
})

test('what is old, from the future or without headers is not taken', () => {
  const headers = signatureHeaders('body', ['secret'], NOW)
  for (const [late, taken] of [
    [0, true],
    [299_000, true],
    [302_000, false],
    [-302_000, false],
  ] as const) {
    assert.equal(isFromExpunge('body', headers, 'secret', NOW + late), taken, `${late}`)
  }
  for (const bad of [
    {},
    { 'expunge-timestamp': headers['expunge-timestamp'] ?? '' },
    { ...headers, 'expunge-signature': '' },
    { ...headers, 'expunge-signature': 'v1=' },
    { ...headers, 'expunge-timestamp': `${headers['expunge-timestamp']} ` },
  ]) {
    assert.equal(isFromExpunge('body', bad, 'secret', NOW), false)
  }
})
