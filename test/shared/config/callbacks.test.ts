import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isIn } from '../../../src/shared/base/ip-network.ts'
import { receiverOf } from '../../../src/shared/config/callbacks.ts'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { folderOf, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

const fileOf = async (t: TestContext, yaml: string) =>
  join(await folderOf(t, { 'expunge.yaml': yaml }), 'expunge.yaml')

const callbacksOf = async (t: TestContext, yaml: string) =>
  (await loadConfig({ EXPUNGE_CONFIG: await fileOf(t, yaml) }, NOTHING_NEEDED)).callbacks

test('without a word of callbacks none is sent', async (t) => {
  assert.equal(await callbacksOf(t, 'maxPlans: 1'), null)
  assert.equal(await callbacksOf(t, 'callbacks:'), null)
})

const SOME = 'receivers: { crm: { url: "https://crm.example.com", secretsFile: /s } }'

test('a file of secrets is named, and not read by whoever sends no callbacks', async (t) => {
  const yaml = `callbacks: { receivers: { crm: { url: "https://CRM.example.com./a/", secretsFile: /nonexistent/secrets } } }`
  const callbacks = await callbacksOf(t, yaml)
  const url = { protocol: 'https:', host: 'crm.example.com', isBelow: false, port: '', path: ['a'] }
  assert.deepEqual(callbacks, {
    receivers: [{ name: 'crm', url, secretsFile: '/nonexistent/secrets' }],
    allow: [],
    timeoutMs: 10_000,
  })
})

test('what is allowed is a host as URLs have it, or a network', async (t) => {
  const yaml = `callbacks: { ${SOME}, allow: [Hooks.Internal., 10.20.0.0/16, "fd00::1"] }`
  const [host, network, address] = (await callbacksOf(t, yaml))?.allow ?? []
  assert.deepEqual(host, { kind: 'host', host: 'hooks.internal' })
  assert.ok(network?.kind === 'network' && isIn(network.network, '10.20.3.4'))
  assert.ok(address?.kind === 'network' && isIn(address.network, 'fd00::1'))
  assert.ok(!isIn(address.network, 'fd00::2'))
})

test('every wrong setting is told', async (t) => {
  const yaml = `callbacks:
  allow: [https://hooks.internal, hooks.internal:8080, 10.0.0.0/33, 127.1, "*"]
  timeoutMs: 5
  secret: x`
  const file = await fileOf(t, yaml)
  const found = await problemsOf({ EXPUNGE_CONFIG: file })
  const each = (n: number, got: string) =>
    `callbacks.allow[${n}] in FILE: expected a host name, an address or a network such as 10.20.0.0/16, without scheme and port, got "${got}".`
  assert.deepEqual(
    found.map((problem) => problem.replaceAll(file, 'FILE')),
    [
      each(0, 'https://hooks.internal'),
      each(1, 'hooks.internal:8080'),
      each(2, '10.0.0.0/33'),
      each(3, '127.1'),
      each(4, '*'),
      'callbacks.timeoutMs in FILE: expected a whole number from 100 to 60000, got "5".',
      'callbacks.receivers in FILE: missing; expected receivers by name, each with url and secretsFile.',
      'callbacks.secret in FILE: unknown; expected one of allow, receivers, timeoutMs.',
    ],
  )
})

test('a receiver lacks neither URL nor secret, and is no other', async (t) => {
  const file = await fileOf(
    t,
    `callbacks:
  receivers:
    a: { url: "https://crm.example.com/x?token=t", secretsFile: /s }
    b: { url: "ftp://crm.example.com" }
    c: { secretsFile: /s }
    d: { url: "https://crm.example.com/x", secretsFile: /s }
    e: { url: "https://CRM.example.com:443/x/", secretsFile: /s }
    f: { url: "https://me@crm.example.com", secretsFile: /s, secret: y }`,
  )
  const found = await problemsOf({ EXPUNGE_CONFIG: file })
  const url =
    'expected a URL such as https://hooks.example.com/expunge or https://*.example.com, without user, query and fragment'
  const hidden = 'something else (not shown: it may hold a secret)'
  const at = (key: string) => `callbacks.receivers.${key} in FILE:`
  assert.deepEqual(
    found.map((problem) => problem.replaceAll(file, 'FILE')),
    [
      `${at('a.url')} ${url}, got ${hidden}.`,
      `${at('b.url')} ${url}, got ${hidden}.`,
      `${at('b.secretsFile')} missing; expected a file, one secret a line.`,
      `${at('c.url')} missing; ${url}.`,
      `${at('e.url')} the same as that of d.`,
      `${at('f.url')} ${url}, got ${hidden}.`,
      `${at('f.secret')} unknown; expected one of secretsFile, url.`,
    ],
  )
})

test('a URL has the receiver that is named most narrowly, whatever their order', async (t) => {
  const patterns = {
    apex: 'https://example.com',
    below: 'https://*.example.com',
    eu: 'https://*.eu.example.com',
    crm: 'https://crm.eu.example.com',
    told: 'https://crm.eu.example.com/told',
    deeper: 'https://crm.eu.example.com/told/expunge/',
    port: 'https://crm.eu.example.com:8443',
    plain: 'http://crm.eu.example.com',
    v6: 'https://[2606:4700::1111]/x',
  }
  const entries = Object.entries(patterns)
  for (const order of [entries, entries.toReversed()]) {
    const lines = order.map(([name, url]) => `    ${name}: { url: "${url}", secretsFile: /s }`)
    const yaml = `callbacks:\n  receivers:\n${lines.join('\n')}`
    const { receivers = [] } = (await callbacksOf(t, yaml)) ?? {}
    for (const [url, name] of [
      ['https://example.com/any?x#y', 'apex'],
      ['https://EXAMPLE.com.:443', 'apex'],
      ['https://notexample.com', null],
      ['https://a.b.example.com/', 'below'],
      ['https://example.com.evil.net', null],
      ['https://a.eu.example.com', 'eu'],
      ['https://crm.eu.example.com', 'crm'],
      ['https://crm.eu.example.com/tolder', 'crm'],
      ['https://crm.eu.example.com/Told', 'crm'],
      ['https://crm.eu.example.com/told', 'told'],
      ['https://crm.eu.example.com/told/expungeable', 'told'],
      ['https://crm.eu.example.com/told/expunge', 'deeper'],
      ['https://crm.eu.example.com/told/expunge/x', 'deeper'],
      ['https://crm.eu.example.com/told/expunge/../x', 'told'],
      ['https://crm.eu.example.com/told/expunge/%2e%2e/x', 'told'],
      ['https://crm.eu.example.com/told/expunge/..%2fx', 'crm'],
      ['https://crm.eu.example.com/told/expunge/..;/x', 'crm'],
      ['https://crm.eu.example.com/told/expunge/.%2E%3Bv=1/x', 'crm'],
      ['https://crm.eu.example.com/told/expunge;v=1/x', 'told'],
      ['https://crm.eu.example.com\\told', 'told'],
      ['https://crm.eu.example.com:8443/told', 'port'],
      ['https://crm.eu.example.com:9443/told', null],
      ['http://crm.eu.example.com/told', 'plain'],
      ['https://[2606:4700:0::1111]/x/y', 'v6'],
      ['https://[2606:4700::1111]/y', null],
      ['https://me@crm.eu.example.com/told', null],
      ['https://:pw@crm.eu.example.com/told', null],
      ['https://example.com@crm.eu.example.com/told', null],
      ['no url', null],
    ] as const) {
      assert.equal(receiverOf(url, receivers)?.name ?? null, name, url)
    }
  }
})
