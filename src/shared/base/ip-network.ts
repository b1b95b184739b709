import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** A network, such as `10.20.0.0/16`, or a single address. */
export type Network = ReturnType<typeof ipaddr.parseCIDR>

/** The only IPv6 range assigned to the public internet (RFC 4291, section 2.4; IANA). */
const GLOBAL_UNICAST_V6 = ipaddr.parseCIDR('2000::/3')

/** @returns undefined if the text is neither an address nor a CIDR in the usual notation */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', bits, more] = text.split('/')
  const length = isIP(address) === 4 ? 32 : 128
  if (isIP(address) === 0 || more !== undefined) return undefined
  if (bits === undefined) return [ipaddr.parse(address), length]
  return /^\d{1,3}$/.test(bits) && Number(bits) <= length
    ? [ipaddr.parse(address), Number(bits)]
    : undefined
}

/** @param address as Node gives it; an address of the other IP version is never in the network */
export function isIn([network, bits]: Network, address: string): boolean {
  const parsed = ipaddr.parse(address)
  return parsed.kind() === network.kind() && parsed.match(network, bits)
}

/**
 * Whether an address belongs to the public internet. Others lead, or may lead, to this machine, its
 * network or its cloud: loopback, private, link-local, carrier-grade NAT, multicast, reserved, and the
 * IPv6 forms that embed an IPv4 address (mapped, compatible, translated, NAT64 by its well-known
 * prefixes, 6to4, Teredo, ISATAP). An address under a network's own NAT64 or 6rd prefix cannot be
 * recognized.
 */
export function isPublic(address: string): boolean {
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  // The library's table treats unknown ranges as unicast, ::127.0.0.1 among them.
  if (!(parsed instanceof ipaddr.IPv6)) return true
  return parsed.match(GLOBAL_UNICAST_V6) && !isIsatap(parsed)
}

/** The network whose addresses one caller is likely to own: for IPv6 the /64. */
export function networkOf(address: string): string {
  const parsed = ipaddr.process(address)
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString()
  const network = parsed.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}

/**
 * ISATAP embeds an IPv4 address in the last 32 bits under any prefix. The 32 bits before them identify
 * it; two of those are flags that may be set or not (RFC 5214, section 6.1).
 */
function isIsatap({ parts }: InstanceType<typeof ipaddr.IPv6>): boolean {
  const [high = 0, low = 0] = parts.slice(4)
  return (high & 0xfcff) === 0 && low === 0x5efe
}
