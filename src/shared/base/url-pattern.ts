import { isIP } from 'node:net'

const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$/

/** A host name in the form used in URLs: lower case, without the root's dot. */
export function canonicalHost(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

export const isHostName = (text: string): boolean => isIP(text) !== 0 || HOST_NAME.test(text)

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

/** @returns undefined for anything else, and for a URL with user, query or fragment */
export function parseUrlPattern(text: string): UrlPattern | undefined {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  if (url.username !== '' || url.password !== '' || /[?#]/.test(text)) return undefined
  const [, wildcard, name = ''] = /^(\*\.)?(.*)$/.exec(url.hostname) ?? []
  if (!isHostName(name.replace(/^\[(.*)\]$/, '$1'))) return undefined
  const { protocol, port } = url
  const host = canonicalHost(name)
  return { protocol, host, isBelow: wildcard !== undefined, port, path: segmentsOf(url) }
}

export function matchesUrl(pattern: UrlPattern, url: URL): boolean {
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

function segmentsOf({ pathname }: URL): readonly string[] {
  const segments = pathname.split('/').slice(1)
  return segments.at(-1) === '' ? segments.slice(0, -1) : segments
}
