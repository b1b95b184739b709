import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** A network that addresses may be in: `10.20.0.0/16`, or one address alone. */
export type Network = ReturnType<typeof ipaddr.parseCIDR>

/** Only these are given out for the public internet (RFC 4291, section 2.4; IANA). */
const GLOBAL_UNICAST_V6 = ipaddr.parseCIDR('2000::/3')

/** @returns undefined for all but an address or a CIDR, in the usual notation */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', bits, more] = text.split('/')
  const length = isIP(address) === 4 ? 32 : 128
  if (isIP(address) === 0 || more !== undefined) return undefined
  if (bits === undefined) return [ipaddr.parse(address), length]
  return /^\d{1,3}$/.test(bits) && Number(bits) <= length
    ? [ipaddr.parse(address), Number(bits)]
    : undefined
}

/** @param address as Node gives it; one of the other family is in no network of this one */
export function isIn([network, bits]: Network, address: string): boolean {
  const parsed = ipaddr.parse(address)
  return parsed.kind() === network.kind() && parsed.match(network, bits)
}

/**
 * Whether an address is one of the public internet. All others lead, or may lead, to this machine,
 * its network or its cloud's: loopback, private, link-local, carrier-grade NAT, multicast, reserved
 * and the like, and the IPv6 forms that carry an IPv4 address within: mapped, compatible, translated, NAT64
 * by its well-known prefixes, 6to4, Teredo and ISATAP. What a network's own NAT64 or 6rd prefix carries
 * cannot be told from any other address.
 */
export function isPublic(address: string): boolean {
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  // What the table knows nothing of counts as unicast there: ::127.0.0.1 for one.
  if (!(parsed instanceof ipaddr.IPv6)) return true
  return parsed.match(GLOBAL_UNICAST_V6) && !isIsatap(parsed)
}

/** What one caller is likely to have all addresses of: in IPv6 the network of 64 bits. */
export function networkOf(address: string): string {
  const parsed = ipaddr.process(address)
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString()
  const network = parsed.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}

/**
 * ISATAP hides an IPv4 address in the last 32 bits under any prefix, and so in no range: it is known
 * by the 32 bits before them, of which two are flags that may be set or not (RFC 5214, section 6.1).
 */
function isIsatap({ parts }: InstanceType<typeof ipaddr.IPv6>): boolean {
  const [high = 0, low = 0] = parts.slice(4)
  return (high & 0xfcff) === 0 && low === 0x5efe
}
