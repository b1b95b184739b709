import { lookup as dnsLookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { ExpungeError } from '../../shared/base/errors.ts'
import { isIn, isPublic } from '../../shared/base/ip-network.ts'
import { type Allowance, canonicalHost } from '../../shared/config/network.ts'

/**
 * Where callbacks may go. Their URLs come from callers, and a worker stands inside of a network
 * where much trusts whoever can reach it: without a guard a caller could have it call any host
 * there (server-side request forgery). So only public addresses are connected to, by TLS and at its usual
 * ports, unless the operator vouches for a host or a network.
 */

/** The ports of HTTPS. A host that the operator names may have any. */
const PORTS: ReadonlySet<string> = new Set(['443', '8443'])

/** The callback's address is one that nothing is sent to. The message names it, and what to do. */
export class AddressRefusedError extends ExpungeError {
  readonly code = 'ADDRESS_REFUSED'
}

/** All addresses of a name, as `node:dns` tells them. */
export type Resolve = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>

/** A URL that may be called, as long as the addresses to connect to come from `lookup`. */
interface Destination {
  readonly url: URL
  /** For the agent: what it gives is checked, and is what the agent connects to. */
  readonly lookup: LookupFunction
}

const resolveByDns: Resolve = (host) => dnsLookup(host, { all: true })

/**
 * @throws AddressRefusedError for what the URL alone tells; `lookup` fails with it for what the
 *   name's addresses tell
 */
export function guard(
  text: string,
  allow: readonly Allowance[],
  resolve: Resolve = resolveByDns,
): Destination {
  const url = URL.parse(text)
  if (url === null) throw new AddressRefusedError('The callback URL is no URL.')
  const host = hostOf(url)
  if (url.username !== '' || url.password !== '') {
    throw new AddressRefusedError(`Callback to ${host}: expected a URL without user and password.`)
  }
  const isNamed = allow.some((allowance) => names(allowance, host))
  if (!isNamed) refuseUnsafe(url, host)
  const isAllowed = (address: string) =>
    isNamed || isPublic(address) || allow.some((allowance) => covers(allowance, address))
  // Agents look up names only: an address that stands in the URL they connect to as it is.
  if (isIP(host) !== 0 && !isAllowed(host)) throw notPublic(host, host)
  return { url, lookup: guardedLookup(resolve, isAllowed) }
}

function refuseUnsafe({ protocol, port }: URL, host: string): void {
  const advice = `or ${host} in callbacks.allow of the configuration file`
  if (protocol !== 'https:') {
    throw new AddressRefusedError(
      `Callback to ${host}: expected https, got ${protocol} (${advice}).`,
    )
  }
  if (!PORTS.has(port || '443')) {
    const expected = `expected port ${[...PORTS].join(' or ')}`
    throw new AddressRefusedError(`Callback to ${host}: ${expected}, got ${port} (${advice}).`)
  }
}

/**
 * One answer of the DNS is both what is checked and what is connected to: another answer a moment
 * later changes nothing. A name of which only some addresses may be connected to is refused whole.
 */
function guardedLookup(resolve: Resolve, isAllowed: (address: string) => boolean): LookupFunction {
  const checked = async (host: string) => {
    const addresses = await resolve(host)
    const refused = addresses.find(({ address }) => !isAllowed(address))
    if (refused !== undefined) throw notPublic(host, refused.address)
    const [first] = addresses
    if (first === undefined) throw noAddress(host)
    return { first, addresses }
  }
  return (host, { all }, callback) => {
    checked(host).then(
      ({ first, addresses }) => {
        if (all) callback(null, [...addresses])
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    )
  }
}

function notPublic(host: string, address: string): AddressRefusedError {
  const where = host === address ? host : `${host}, which is ${address}`
  return new AddressRefusedError(
    `Callback to ${where}: expected an address of the public internet. If it may be called, name host or network in callbacks.allow of the configuration file.`,
  )
}

function noAddress(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address.`), { code: 'ENOTFOUND' })
}

/** Without the brackets of an IPv6 address. */
function hostOf({ hostname }: URL): string {
  return canonicalHost(hostname.replace(/^\[(.*)\]$/, '$1'))
}

/** Whether the operator vouches for what stands in the URL itself. */
function names(allowance: Allowance, host: string): boolean {
  switch (allowance.kind) {
    case 'host':
      return allowance.host === host
    case 'network':
      return isIP(host) !== 0 && isIn(allowance.network, host)
    default:
      throw new TypeError(`Unknown allowance ${JSON.stringify(allowance satisfies never)}`)
  }
}

function covers(allowance: Allowance, address: string): boolean {
  return allowance.kind === 'network' && isIn(allowance.network, address)
}
