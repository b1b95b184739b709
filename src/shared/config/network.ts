import { isIP } from 'node:net'
import { type Network, parseNetwork } from '../base/ip-network.ts'
import type { HostAndPort } from '../store/redis/place.ts'
import type { ValueForm } from './fields.ts'

const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$/

/** A host name in the form used in URLs: lower case, without the root's dot. */
export function canonicalHost(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Where a server listens. */
export const HOST: ValueForm<string> = {
  expected: 'a host name or an address, without scheme and port',
  parse: (text) => (isIP(text) !== 0 || HOST_NAME.test(text) ? text : undefined),
}

/** A server to connect to: `host`, `host:6379` or `[::1]:6379`. */
export function hostAndPort(defaultPort: number): ValueForm<HostAndPort> {
  return {
    expected: `a host, or host:port (${defaultPort} where absent)`,
    parse: (text) => {
      const [, bracketed, named, digits] = /^(?:\[(.+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
      const host = HOST.parse(bracketed ?? named ?? '')
      const port = digits === undefined ? defaultPort : Number(digits)
      return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined
    },
  }
}

/**
 * URLs by origin and path prefix: `https://hooks.example.com/expunge`, or `https://*.example.com`
 * for all names below one.
 */
export interface UrlPattern {
  readonly protocol: string
  /** In lower case; without the `*.` of a wildcard pattern. */
  readonly host: string
  readonly isBelow: boolean
  /** Empty for the protocol's default port. */
  readonly port: string
  /** Path segments that a URL must begin with. */
  readonly path: readonly string[]
}

export const URL_PATTERN: ValueForm<UrlPattern> = {
  expected:
    'a URL such as https://hooks.example.com/expunge or https://*.example.com, without user, query and fragment',
  hidden: true,
  parse: (text) => {
    const url = URL.parse(text)
    if (url === null || !/^https?:$/.test(url.protocol)) return undefined
    if (url.username !== '' || url.password !== '' || /[?#]/.test(text)) return undefined
    const [, wildcard, name = ''] = /^(\*\.)?(.*)$/.exec(url.hostname) ?? []
    const isName = HOST.parse(name.replace(/^\[(.*)\]$/, '$1')) !== undefined
    if (!isName) return undefined
    const { protocol, port } = url
    const host = canonicalHost(name)
    return { protocol, host, isBelow: wildcard !== undefined, port, path: segmentsOf(url) }
  },
}

/** The most specific receiver that matches a URL. */
export function narrowest<T extends { readonly url: UrlPattern }>(
  url: URL,
  receivers: readonly T[],
): T | undefined {
  const matching = receivers.filter((receiver) => matches(receiver.url, url))
  return matching.toSorted((a, b) => compareNarrowness(b.url, a.url))[0]
}

function matches(pattern: UrlPattern, url: URL): boolean {
  const host = canonicalHost(url.hostname)
  const isHost = pattern.isBelow ? host.endsWith(`.${pattern.host}`) : host === pattern.host
  const segments = segmentsOf(url)
  const isPlain = pattern.path.length === 0 || !AMBIGUOUS.test(url.pathname)
  return (
    isHost &&
    isPlain &&
    // URLs with a login are never called, so the submitter should learn this at once.
    url.username + url.password === '' &&
    url.protocol === pattern.protocol &&
    url.port === pattern.port &&
    pattern.path.every((segment, at) => segments[at] === segment)
  )
}

/**
 * Paths that a receiver may interpret differently: an encoded slash as a slash, and `..;` as `..`,
 * because some servers strip parameters from a segment before they resolve it.
 */
const AMBIGUOUS = /%2f|%5c|\/(?:\.|%2e){1,2}(?:;|%3b)/i

/**
 * Positive if the first is more specific than the second; 0 only if they are equal for every URL.
 */
function compareNarrowness(a: UrlPattern, b: UrlPattern): number {
  return (
    Number(b.isBelow) - Number(a.isBelow) ||
    a.host.length - b.host.length ||
    a.path.length - b.path.length
  )
}

function segmentsOf({ pathname }: URL): readonly string[] {
  const segments = pathname.split('/').slice(1)
  return segments.at(-1) === '' ? segments.slice(0, -1) : segments
}

/** What the operator trusts: a host by its name, the addresses of a network, or a URL's origin. */
export type Allowance =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'network'; readonly network: Network }
  | { readonly kind: 'origin'; readonly origin: string }

export const ALLOWANCE: ValueForm<Allowance> = {
  expected: 'a host name, an address or a network such as 10.20.0.0/16, without scheme and port',
  parse: (text) => {
    const network = parseNetwork(text)
    if (network !== undefined) return { kind: 'network', network }
    // In URLs, a name whose last part is a number is an address in an unusual notation.
    const isName = HOST.parse(text) !== undefined && !/(^|\.)\d+\.?$/.test(text)
    return isName ? { kind: 'host', host: canonicalHost(text) } : undefined
  },
}
