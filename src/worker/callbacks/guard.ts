import { lookup as dnsLookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { ExpungeError } from '../../shared/base/errors.ts'
import { isIn, isPublic } from '../../shared/base/ip-network.ts'
import { type Allowance, canonicalHost } from '../../shared/config/network.ts'

/**
 * Where callbacks may go. Callers choose the URLs, and a worker runs inside a network whose hosts
 * often trust every client: without a guard, callers could make it call any of them (server-side
 * request forgery). So a worker connects only to public addresses, with TLS and on its usual ports,
 * unless the operator allows a host or a network.
 */

/** The ports of HTTPS. A host that the operator allows may have any port. */
const PORTS: ReadonlySet<string> = new Set(['443', '8443'])

/** Callbacks to this address are not allowed. The message names the address and the remedy. */
export class AddressRefusedError extends ExpungeError {
  readonly code = 'ADDRESS_REFUSED'
}

/** All addresses of a name, in the format of `node:dns`. */
export type Resolve = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>

/** A URL that may be called, provided that the addresses come from `lookup`. */
interface Destination {
  readonly url: URL
  /**
   * For the HTTP client, which must connect to the addresses that this returns: they are checked.
   */
  readonly lookup: LookupFunction
}

const resolveByDns: Resolve = (host) => dnsLookup(host, { all: true })

/**
 * @throws AddressRefusedError if the URL itself is not allowed; `lookup` fails with it if the
 *   name's addresses are not
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
  // Clients look up names only: an IP address in the URL must be checked here.
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
 * The addresses that are checked are those that are connected to: a later DNS answer changes
 * nothing. A name is refused if any of its addresses is not allowed.
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

/** The host, without the brackets of an IPv6 address. */
function hostOf({ hostname }: URL): string {
  return canonicalHost(hostname.replace(/^\[(.*)\]$/, '$1'))
}

/** Whether the operator allows the URL's host itself. */
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
