import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/shared/config.ts'
import { isIn } from '../../../src/shared/ip-network.ts'
import { folderOf, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

const fileOf = async (t: TestContext, yaml: string) =>
  join(await folderOf(t, { 'expunge.yaml': yaml }), 'expunge.yaml')

const callbacksOf = async (t: TestContext, yaml: string) =>
  (await loadConfig({ EXPUNGE_CONFIG: await fileOf(t, yaml) }, NOTHING_NEEDED)).callbacks

test('without a word of callbacks none is sent', async (t) => {
  assert.equal(await callbacksOf(t, 'maxPlans: 1'), null)
  assert.equal(await callbacksOf(t, 'callbacks:'), null)
})

test('the file of secrets is named, and not read by whoever sends no callbacks', async (t) => {
  const callbacks = await callbacksOf(t, 'callbacks: { secretsFile: /nonexistent/secrets }')
  assert.deepEqual(callbacks, {
    secretsFile: '/nonexistent/secrets',
    allow: [],
    timeoutMs: 10_000,
  })
})

test('what is allowed is a host as URLs have it, or a network', async (t) => {
  const yaml = `callbacks: { secretsFile: /s, allow: [Hooks.Internal., 10.20.0.0/16, "fd00::1"] }`
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
      'callbacks.secretsFile in FILE: missing; expected a file, one secret a line.',
      'callbacks.secret in FILE: unknown; expected one of allow, secretsFile, timeoutMs.',
    ],
  )
})
