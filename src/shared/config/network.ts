import { type Network, parseNetwork } from '../base/ip-network.ts'
import {
  canonicalHost,
  isHostName,
  matchesUrl,
  parseUrlPattern,
  type UrlPattern,
} from '../base/url-pattern.ts'
import type { HostAndPort } from '../store/redis/place.ts'
import type { ValueForm } from './fields.ts'

/** Where a server listens. */
export const HOST: ValueForm<string> = {
  expected: 'a host name or an address, without scheme and port',
  parse: (text) => (isHostName(text) ? text : undefined),
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

export const URL_PATTERN: ValueForm<UrlPattern> = {
  expected:
    'a URL such as https://hooks.example.com/expunge or https://*.example.com, without user, query and fragment',
  hidden: true,
  parse: parseUrlPattern,
}

/** The most specific receiver that matches a URL. */
export function narrowest<T extends { readonly url: UrlPattern }>(
  url: URL,
  receivers: readonly T[],
): T | undefined {
  const matching = receivers.filter((receiver) => matchesUrl(receiver.url, url))
  return matching.toSorted((a, b) => compareNarrowness(b.url, a.url))[0]
}

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
