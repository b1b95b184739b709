import { lookup as dnsLookup } from 'node:dns/promises'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { ExpungeError } from '../../shared/base/errors.ts'
import { isIn, isPublic } from '../../shared/base/ip-network.ts'
import { canonicalHost } from '../../shared/base/url-pattern.ts'
import type { Allowance } from '../../shared/config/network.ts'

/**
 * Which addresses a worker may connect to for a URL of a caller: a callback's, a source's. A worker
 * runs inside a network whose hosts often trust every client: without a guard, callers could make it
 * call any of them (server-side request forgery). So a worker connects only to public addresses,
 * with TLS and on its usual ports, unless the operator allows a host, a network or an origin.
 */

/** The ports of HTTPS. What the operator allows by name may have any port. */
const PORTS: ReadonlySet<string> = new Set(['443', '8443'])

/** This address may not be called. The message names the address and the remedy. */
export class AddressRefusedError extends ExpungeError {
  readonly code = 'ADDRESS_REFUSED'
}

/** All addresses of a name, in the format of `node:dns`. */
export type Resolve = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>

/** What may be called besides the public internet, and how messages speak of it. */
interface GuardRules {
  /** What goes there, as in `Callback to`. */
  readonly subject: string
  /** How the operator allows more, as in `name its host in callbacks.allow`. */
  readonly remedy: string
  readonly allow: readonly Allowance[]
  /** Default: as this machine resolves names. */
  readonly resolve?: Resolve | undefined
}

/** A URL that may be called, provided that the client uses `lookup` and `watch`. */
interface Destination {
  readonly url: URL
  /** The client must connect to the addresses that this returns: they are checked. */
  readonly lookup: LookupFunction
  /**
   * For the client's `socket` event. Destroys the socket with an AddressRefusedError if it is
   * connected to another address than allowed, before anything is sent.
   */
  readonly watch: (socket: Socket) => void
}

const resolveByDns: Resolve = (host) => dnsLookup(host, { all: true })

/**
 * @throws AddressRefusedError if the URL itself is not allowed; `lookup` fails with it if the
 *   name's addresses are not
 */
export function guard(text: string, rules: GuardRules): Destination {
  const { allow, resolve = resolveByDns } = rules
  const url = URL.parse(text)
  if (url === null) throw refusal(rules, 'an invalid URL', 'expected a URL')
  const host = hostOf(url)
  if (url.username !== '' || url.password !== '') {
    throw refusal(rules, host, 'expected a URL without user and password')
  }
  const isNamed = allow.some((allowance) => names(allowance, url))
  if (!isNamed) refuseUnsafe(url, rules)
  const judge = (address: string) => {
    const isAllowed =
      isNamed || isPublic(address) || allow.some((allowance) => covers(allowance, address))
    if (!isAllowed) throw notPublic(host, address, rules)
  }
  // Clients look up names only: an IP address in the URL must be checked here.
  if (isIP(host) !== 0) judge(host)
  return { url, lookup: guardedLookup(resolve, judge), watch: (socket) => watch(socket, judge) }
}

function refuseUnsafe(url: URL, rules: GuardRules): void {
  const { protocol, port } = url
  if (protocol !== 'https:') {
    const where = hostOf(url) || 'a URL without a host'
    throw refusal(rules, where, `expected https, got ${protocol.slice(0, -1)}`)
  }
  if (!PORTS.has(port || '443')) {
    const expected = `expected port ${[...PORTS].join(' or ')}`
    throw refusal(rules, hostOf(url), `${expected}, got ${port}`)
  }
}

/** Throws an AddressRefusedError if this address may not be connected to. */
type Judge = (address: string) => void

/**
 * The addresses that are checked are those that are connected to: a later DNS answer changes
 * nothing. A name is refused if any of its addresses is not allowed.
 */
function guardedLookup(resolve: Resolve, judge: Judge): LookupFunction {
  const checked = async (host: string) => {
    const addresses = await resolve(host)
    for (const { address } of addresses) judge(address)
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

/** First in line, because the client sends its request when the socket is connected. */
function watch(socket: Socket, judge: Judge): void {
  const check = () => {
    try {
      judge(socket.remoteAddress ?? '')
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }
  if (socket.connecting) socket.prependOnceListener('connect', check)
  else check()
}

function notPublic(host: string, address: string, rules: GuardRules): AddressRefusedError {
  const where = host === address ? host : `${host}, which is ${address}`
  return refusal(rules, where, 'expected an address of the public internet')
}

function refusal(
  { subject, remedy }: GuardRules,
  where: string,
  problem: string,
): AddressRefusedError {
  return new AddressRefusedError(
    `${subject} ${where}: ${problem}. If it may be called, ${remedy} of the configuration file.`,
  )
}

function noAddress(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address.`), { code: 'ENOTFOUND' })
}

/** The host, without the brackets of an IPv6 address. */
function hostOf({ hostname }: URL): string {
  return canonicalHost(hostname.replace(/^\[(.*)\]$/, '$1'))
}

/** Whether the operator allows the URL by its host or origin, wherever the name leads. */
function names(allowance: Allowance, url: URL): boolean {
  const host = hostOf(url)
  switch (allowance.kind) {
    case 'host':
      return allowance.host === host
    case 'network':
      return isIP(host) !== 0 && isIn(allowance.network, host)
    case 'origin':
      return allowance.origin === url.origin
    default:
      throw new TypeError(`Unknown allowance ${JSON.stringify(allowance satisfies never)}`)
  }
}

function covers(allowance: Allowance, address: string): boolean {
  return allowance.kind === 'network' && isIn(allowance.network, address)
}
