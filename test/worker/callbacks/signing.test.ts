import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { signatureHeaders } from '../../../src/worker/callbacks/signing.ts'
import { codePoint } from '../../helpers/code-point.ts'
import { fc } from '../../helpers/fast-check.ts'

type Headers = Readonly<Record<string, string>>
interface Receiver {
  readonly url: string
  readonly secret: string
}
type Check = (body: string, headers: Headers, receiver: Receiver, now: number) => boolean

const page = await readFile(new URL('../../../docs/callbacks.md', import.meta.url), 'utf8')
const codeIn = (language: string) =>
  new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1] ?? ''

/** The check as the page tells it to receivers: an example that no longer works fails here. */
const { isFromExpunge }: { isFromExpunge: Check } = await import(
  `data:text/javascript,${encodeURIComponent(codeIn('js'))}`
)
const NOW = Date.parse('2026-11-25T09:30:00.500Z')
const URL_OF = 'https://hooks.example.com/expunge'
const EVENT = 'default/gdpr-1/completed'

const text = fc.string({ unit: codePoint })
const secret = fc.string({ minLength: 32, maxLength: 64 })

const sign = (
  body: string,
  secrets: readonly string[],
  { url = URL_OF, event = EVENT, now = NOW } = {},
) => signatureHeaders({ url: new URL(url), event, body }, secrets, now)

test('the signature is HMAC-SHA256 over event, timestamp, URL and body, a line each', () => {
  // openssl: printf 'default/gdpr-1/completed\n1795685400\nhttps://hooks.example.com/expunge\n{"id":"a"}' |
  //   openssl dgst -sha256 -hmac 0123…
  const key = '0123456789abcdef0123456789abcdef'
  const now = 1_795_685_400_999
  const headers = {
    'expunge-event': EVENT,
    'expunge-timestamp': '1795685400',
    'expunge-signature': 'v1=20bb0e34d37777d85105c237e00e38df22b3662bbf72e22ae3bcf70c5ae56428',
  }
  assert.deepEqual(sign('{"id":"a"}', [key], { now }), headers)
  const token = sign('{"id":"a"}', [key], { now, url: `${URL_OF}?token=t#x` })
  assert.deepEqual(token, headers, 'what follows the path is no part of it')
})

test('a receiver who checks as the page says takes what was signed for it with its secret', () => {
  fc.assert(
    fc.property(text, fc.array(secret, { minLength: 1, maxLength: 5 }), (body, secrets) => {
      const headers = sign(body, secrets)
      for (const each of secrets) {
        assert.ok(isFromExpunge(body, headers, { url: URL_OF, secret: each }, NOW))
      }
    }),
  )
})

test('and nothing else: another body, secret, time, event or receiver', () => {
  fc.assert(
    fc.property(text, text, secret, secret, (body, other, key, wrong) => {
      fc.pre(body !== other && key !== wrong)
      const headers = sign(body, [key])
      const receiver = { url: URL_OF, secret: key }
      const later = String(Math.floor(NOW / 1000) + 1)
      assert.ok(!isFromExpunge(other, headers, receiver, NOW))
      assert.ok(!isFromExpunge(body, headers, { ...receiver, secret: wrong }, NOW))
      assert.ok(!isFromExpunge(body, { ...headers, 'expunge-timestamp': later }, receiver, NOW))
      const failed = 'default/gdpr-1/failed'
      assert.ok(!isFromExpunge(body, { ...headers, 'expunge-event': failed }, receiver, NOW))
      for (const url of ['https://hooks.example.com/other', 'https://evil.example/expunge']) {
        assert.ok(!isFromExpunge(body, headers, { url, secret: key }, NOW), url)
      }
    }),
  )
})

test('what is old, from the future or without headers is not taken', () => {
  const headers = sign('body', ['secret'])
  const receiver = { url: URL_OF, secret: 'secret' }
  for (const [late, taken] of [
    [0, true],
    [299_000, true],
    [302_000, false],
    [-302_000, false],
  ] as const) {
    assert.equal(isFromExpunge('body', headers, receiver, NOW + late), taken, `${late}`)
  }
  for (const bad of [
    {},
    { 'expunge-timestamp': headers['expunge-timestamp'] ?? '' },
    { ...headers, 'expunge-signature': '' },
    { ...headers, 'expunge-signature': 'v1=' },
    { ...headers, 'expunge-timestamp': `${headers['expunge-timestamp']} ` },
  ]) {
    assert.equal(isFromExpunge('body', bad, receiver, NOW), false)
  }
})

const python = await promisify(execFile)('python3', ['--version']).then(
  () => true,
  () => false,
)

test('a receiver in Python checks the same', { skip: !python && 'no python3' }, async () => {
  const now = Date.now()
  const headers = sign('{"name":"Zoë"}', ['wrong', 'secret'], { now })
  const script = `${codeIn('python')}
import json, sys
body, headers, urls = json.loads(sys.argv[1])
print(json.dumps([is_from_expunge(body.encode(), headers, url, "secret") for url in urls]))`
  const args = JSON.stringify(['{"name":"Zoë"}', headers, [URL_OF, 'https://evil.example/expunge']])
  const { stdout } = await promisify(execFile)('python3', ['-c', script, args])
  assert.deepEqual(JSON.parse(stdout), [true, false])
})
