import assert from 'node:assert/strict'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { isPublic, parseNetwork } from '../../../src/shared/base/ip-network.ts'
import type { Allowance } from '../../../src/shared/config/network.ts'
import { AddressRefusedError, guard, type Resolve } from '../../../src/worker/outbound/guard.ts'
import { fc } from '../../helpers/fast-check.ts'

const host = (name: string): Allowance => ({ kind: 'host', host: name })
const network = (text: string): Allowance => {
  const parsed = parseNetwork(text)
  assert.ok(parsed !== undefined, text)
  return { kind: 'network', network: parsed }
}

const PUBLIC = ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'] as const
const resolveTo =
  (...addresses: readonly string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

const RULES = { subject: 'Callback to', remedy: 'name its host in callbacks.allow' }

/** What an agent would connect to; rejects where it would get none. */
function lookUp(
  url: string,
  allow: readonly Allowance[],
  resolve: Resolve,
  options: LookupOptions = { all: true },
): Promise<string | readonly LookupAddress[]> {
  const { lookup, url: parsed } = guard(url, { ...RULES, allow, resolve })
  const { promise, resolve: found, reject } = Promise.withResolvers<string | LookupAddress[]>()
  lookup(parsed.hostname, options, (error, address) => (error ? reject(error) : found(address)))
  return promise
}

const refused = (url: string, says: RegExp, allow: readonly Allowance[] = []) =>
  assert.throws(
    () => guard(url, { ...RULES, allow }),
    (error) => {
      assert.ok(error instanceof AddressRefusedError, String(error))
      assert.match(error.message, says)
      return true
    },
    url,
  )

test('a public name is called by https at its usual ports', async () => {
  for (const url of ['https://hooks.example/x?y', 'https://HOOKS.example.:8443']) {
    const addresses = await lookUp(url, [], resolveTo(...PUBLIC))
    assert.deepEqual(addresses, [
      { address: PUBLIC[0], family: 4 },
      { address: PUBLIC[1], family: 6 },
    ])
  }
  assert.equal(
    await lookUp('https://hooks.example', [], resolveTo(...PUBLIC), { all: false }),
    PUBLIC[0],
  )
})

test('everything else of a URL is refused before anything is looked up', () => {
  refused('http://hooks.example/', /expected https, got http\b/)
  refused('ftp://hooks.example/', /expected https, got ftp\b/)
  refused('https://hooks.example:25/', /expected port 443 or 8443, got 25/)
  refused('https://user@hooks.example/', /without user and password/)
  refused('https://:hunter2@hooks.example/', /^(?!.*hunter2).*without user and password/)
  refused('https://user:pass@hooks.example/', /without user/, [host('hooks.example')])
  refused('not a url', /expected a URL/)
})

test('an address is judged in whatever notation it stands in the URL', () => {
  for (const address of [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '0',
    '169.254.169.254',
    '10.0.0.1',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '[fd00::1]',
    '[fe80::1]',
    '127.0.0.1.',
    '１２７.0.0.1',
  ]) {
    refused(`https://${address}/`, /expected an address of the public internet/)
  }
  assert.equal(guard(`https://${PUBLIC[0]}/`, { ...RULES, allow: [] }).url.hostname, PUBLIC[0])
  assert.equal(guard(`https://[${PUBLIC[1]}]/`, { ...RULES, allow: [] }).url.port, '')
})

test('a name is refused whole where any of its addresses is not public', async () => {
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4().map((v4) => `::ffff:${v4}`),
    fc.constantFrom(...PUBLIC, '127.0.0.1', '10.0.0.1', 'fd00::1', 'fe80::1%eth0'),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(address, { minLength: 1, maxLength: 4 }), async (addresses) => {
      const answer = lookUp('https://hooks.example/', [], resolveTo(...addresses))
      if (addresses.every(isPublic)) {
        assert.deepEqual(await answer, await resolveTo(...addresses)(''))
      } else {
        await assert.rejects(answer, { code: 'ADDRESS_REFUSED' })
      }
    }),
  )
})

test('a name without address, or that cannot be looked up, is no refusal', async () => {
  await assert.rejects(lookUp('https://gone.example/', [], resolveTo()), { code: 'ENOTFOUND' })
  const failing = () => Promise.reject(Object.assign(new Error('later'), { code: 'EAI_AGAIN' }))
  await assert.rejects(lookUp('https://gone.example/', [], failing), { code: 'EAI_AGAIN' })
  await assert.rejects(lookUp('https://gone.example/', [], resolveTo('no address')), /format/)
})

test('a host that the operator names may have any address, port and plain http', async () => {
  const allow = [host('hooks.internal')]
  for (const url of ['http://hooks.internal/', 'https://Hooks.Internal.:9443/']) {
    assert.deepEqual(await lookUp(url, allow, resolveTo('10.0.0.1')), [
      { address: '10.0.0.1', family: 4 },
    ])
  }
  refused('http://sub.hooks.internal/', /expected https/, allow)
  refused('http://hooks.internal.example/', /expected https/, allow)
})

test('a network that the operator names may be called, and no other', async () => {
  const allow = [network('10.20.0.0/16'), network('fd00:1::/32')]
  const url = 'https://hooks.internal/'
  await lookUp(url, allow, resolveTo('10.20.3.4', 'fd00:1::5', PUBLIC[0]))
  for (const outside of ['10.21.0.1', 'fd00:2::5', '::ffff:10.20.3.4', '64:ff9b::a14:304']) {
    await assert.rejects(lookUp(url, allow, resolveTo('10.20.3.4', outside)), {
      code: 'ADDRESS_REFUSED',
      message: /callbacks\.allow/,
    })
  }
  refused('http://hooks.internal/', /expected https/, allow)
  assert.equal(guard('http://10.20.3.4:8080/', { ...RULES, allow }).url.port, '8080')
  assert.equal(guard('http://[fd00:1::9]:8080/', { ...RULES, allow }).url.port, '8080')
  refused('http://10.21.0.1/', /expected https/, allow)
  refused('https://10.21.0.1/', /public internet/, allow)
})

test('an origin that the operator lists may have any address, and no other origin has', async () => {
  const allow: readonly Allowance[] = [{ kind: 'origin', origin: 'http://files.internal:8080' }]
  assert.deepEqual(await lookUp('http://files.internal:8080/ids', allow, resolveTo('10.0.0.1')), [
    { address: '10.0.0.1', family: 4 },
  ])
  refused('http://files.internal/ids', /expected https/, allow)
  await assert.rejects(lookUp('https://files.internal/ids', allow, resolveTo('10.0.0.1')), {
    code: 'ADDRESS_REFUSED',
  })
})

test('a connection to an address that is not allowed is closed before its client can send', async (t) => {
  const server = createServer((socket) => void socket.resume().on('error', () => {}))
  server.listen(0, '127.0.0.1')
  t.after(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const connected = async (allow: readonly Allowance[], isWatchedLate: boolean) => {
    const { watch } = guard('https://hooks.example/', { ...RULES, allow })
    const socket = connect(address.port, '127.0.0.1')
    t.after(() => void socket.destroy())
    const error = Promise.withResolvers<unknown>()
    socket.on('error', error.resolve)
    if (!isWatchedLate) watch(socket)
    let wasOpen = true
    socket.once('connect', () => {
      wasOpen = !socket.destroyed
    })
    await once(socket, 'connect')
    if (isWatchedLate) watch(socket)
    assert.equal(wasOpen, isWatchedLate || allow.length > 0)
    return socket.destroyed ? error.promise : null
  }
  assert.equal(await connected([network('127.0.0.1')], false), null)
  const refusal = await connected([], false)
  assert.ok(refusal instanceof AddressRefusedError)
  assert.match(refusal.message, /hooks\.example, which is 127\.0\.0\.1/)
  assert.ok((await connected([], true)) instanceof AddressRefusedError)
})
