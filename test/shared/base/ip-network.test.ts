import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIn, isPublic, parseNetwork } from '../../../src/shared/base/ip-network.ts'
import { fc, runs } from '../../helpers/fast-check.ts'

/** Where nothing is sent unasked, by what it is for. */
const RANGES_V4 = {
  unspecified: '0.0.0.0/8',
  loopback: '127.0.0.0/8',
  'private, a': '10.0.0.0/8',
  'private, b': '172.16.0.0/12',
  'private, c': '192.168.0.0/16',
  'link-local, metadata services among them': '169.254.0.0/16',
  'carrier-grade NAT': '100.64.0.0/10',
  'protocol assignments': '192.0.0.0/24',
  'documentation, 1': '192.0.2.0/24',
  'documentation, 2': '198.51.100.0/24',
  'documentation, 3': '203.0.113.0/24',
  benchmarking: '198.18.0.0/15',
  '6to4 relays': '192.88.99.0/24',
  multicast: '224.0.0.0/4',
  'reserved, broadcast': '240.0.0.0/4',
} as const
const RANGES_V6 = {
  unspecified: '::/128',
  loopback: '::1/128',
  'IPv4-compatible': '::/96',
  'IPv4-mapped': '::ffff:0:0/96',
  'IPv4-translated': '::ffff:0:0:0/96',
  NAT64: '64:ff9b::/96',
  'NAT64, local': '64:ff9b:1::/48',
  discard: '100::/64',
  Teredo: '2001::/32',
  benchmarking: '2001:2::/48',
  documentation: '2001:db8::/32',
  '6to4': '2002::/16',
  'documentation, 2': '3fff::/20',
  'segment routing': '5f00::/16',
  'unique local': 'fc00::/7',
  'link-local': 'fe80::/10',
  'site-local': 'fec0::/10',
  multicast: 'ff00::/8',
} as const

const textV4 = (value: bigint) =>
  [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.')
const textV6 = (value: bigint) =>
  Array.from({ length: 8 }, (_, n) =>
    ((value >> BigInt(112 - 16 * n)) & 0xffffn).toString(16),
  ).join(':')

/** The first address of a range and how many bits are free, counted apart from the code. */
function numbers(cidr: string): { first: bigint; free: bigint; write: (value: bigint) => string } {
  const [address = '', bits = ''] = cidr.split('/')
  if (!address.includes(':')) {
    const first = address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
    return { first, free: 32n - BigInt(bits), write: textV4 }
  }
  const [left = [], right = []] = address
    .split('::')
    .map((half) => half.split(':').filter((part) => part !== ''))
  const parts = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  const first = parts.reduce((sum, part) => sum * 65_536n + BigInt(`0x${part}`), 0n)
  return { first, free: 128n - BigInt(bits), write: textV6 }
}

function addressesIn(cidr: string): fc.Arbitrary<string> {
  const { first, free, write } = numbers(cidr)
  const last = (1n << free) - 1n
  const within = fc.oneof(fc.constant(0n), fc.constant(last), fc.bigInt({ min: 0n, max: last }))
  return within.map((offset) => write(first + offset))
}

for (const [what, cidr] of [...Object.entries(RANGES_V4), ...Object.entries(RANGES_V6)]) {
  test(`no address of ${cidr} is public: ${what}`, () => {
    fc.assert(fc.property(addressesIn(cidr), (address) => assert.equal(isPublic(address), false)))
  })
}

test('no IPv4 address is public in the clothes of IPv6', () => {
  const low = fc.bigInt({ min: 0n, max: 0xffffffffn })
  fc.assert(
    fc.property(low, (value) => {
      assert.equal(isPublic(`::ffff:${textV4(value)}`), false)
      assert.equal(isPublic(`::${textV4(value)}`), false)
      assert.equal(isPublic(textV6((0x64ff9bn << 96n) + value)), false)
      assert.equal(isPublic(textV6((0x2002n << 112n) + (value << 80n))), false)
    }),
  )
})

test('nor by ISATAP, whose prefix may be any that is public', () => {
  const bits = (count: bigint) => fc.bigInt({ min: 0n, max: (1n << count) - 1n })
  const flags = fc.constantFrom(0x0000n, 0x0100n, 0x0200n, 0x0300n)
  fc.assert(
    fc.property(bits(61n), flags, bits(32n), bits(32n), (rest, high, value, other) => {
      const prefix = (1n << 125n) + (rest << 64n)
      const isatap = prefix + (high << 48n) + (0x5efen << 32n) + value
      assert.equal(isPublic(textV6(isatap)), false, textV6(isatap))
      // The same prefix with an interface of another kind is as public as the prefix is.
      fc.pre(other !== 0x5efen && (other & 0xfcffffffn) !== 0x5efen)
      const plain = prefix + (other << 32n) + value
      assert.equal(isPublic(textV6(plain)), isPublic(textV6(prefix + (1n << 63n))))
    }),
    { numRuns: runs(2000) },
  )
  for (const address of ['2606:4700::5efe:169.254.169.254', '2606:4700::200:5efe:10.0.0.1']) {
    assert.equal(isPublic(address), false, address)
  }
})

test('what is in none of the ranges is public, and in IPv6 only what is given out', () => {
  const isListed = (address: string, ranges: Record<string, string>) =>
    Object.values(ranges).some((cidr) => {
      const { first, free } = numbers(cidr)
      return numbers(`${address}/0`).first >> free === first >> free
    })
  const rare = ['192.175.48.0/24', '192.31.196.0/24', '192.52.193.0/24']
  const reserved = { ...RANGES_V4, ...Object.fromEntries(rare.map((cidr) => [cidr, cidr])) }
  fc.assert(
    fc.property(addressesIn('0.0.0.0/0'), (address) =>
      assert.equal(isPublic(address), !isListed(address, reserved)),
    ),
    { numRuns: runs(2000) },
  )
  for (const address of ['2606:4700::1111', '2a00:1450:4001:80e::200e', '2400:cb00::1']) {
    assert.equal(isPublic(address), true, address)
  }
  fc.assert(
    fc.property(addressesIn('4000::/2'), (address) => assert.equal(isPublic(address), false)),
  )
})

test('an address is in a network exactly where its first bits are the same', () => {
  for (const cidr of [
    '10.20.0.0/16',
    '10.1.2.3/8',
    '0.0.0.0/0',
    '203.0.113.7',
    'fd00::/8',
    '::/0',
  ]) {
    const network = parseNetwork(cidr)
    assert.ok(network !== undefined, cidr)
    const { first, free } = numbers(cidr.includes('/') ? cidr : `${cidr}/32`)
    const any = addressesIn(cidr.includes(':') ? '::/0' : '0.0.0.0/0')
    fc.assert(
      fc.property(any, (address) =>
        assert.equal(
          isIn(network, address),
          numbers(`${address}/0`).first >> free === first >> free,
        ),
      ),
    )
    assert.equal(isIn(network, cidr.includes(':') ? '10.0.0.1' : 'fd00::1'), false)
  }
})

test('what is no address or network in the usual notation is none', () => {
  for (const text of [
    '',
    'host',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0',
    '010.0.0.1',
    '0x7f.1',
    '2130706433',
    'fd00::/129',
    '[::1]',
  ]) {
    assert.equal(parseNetwork(text), undefined, text)
  }
})
