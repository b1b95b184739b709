import { isIP } from 'node:net'
import { isIn, type Network, parseNetwork } from '../base/ip-network.ts'

/**
 * `HTTPS_PROXY` and `NO_PROXY` as curl reads them. Node's own agents take an entry `salesforce.com`
 * for that one host and no networks, which is not what the same variable means to the tools beside.
 */

/** The proxy's URL; a host without scheme is one of http. Undefined where it is no URL of either. */
export function proxyUrl(text: string): string | undefined {
  const named = text.trim()
  const url = URL.parse(named.includes('://') ? named : `http://${named}`)
  return url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/'
    ? url.href
    : undefined
}

/** Whether a call goes there without the proxy. */
type IsExempt = (url: URL) => boolean

/**
 * @param list `NO_PROXY`: names, addresses and networks, by commas or blanks. A name stands for its
 *   subdomains too, with a dot or `*.` before it or not; `host:port` for that port alone; `*` for all.
 */
export function exemptBy(list = ''): IsExempt {
  const entries = list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseEntry)
  return (url) => {
    const host = bare(url.hostname)
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
    return entries.some(
      (entry) => (entry.port === null || entry.port === port) && covers(entry, host),
    )
  }
}

interface Entry {
  /** In lower case, without dots at either end. */
  readonly name: string
  readonly network: Network | undefined
  readonly port: string | null
}

function parseEntry(text: string): Entry {
  // An IPv6 address without brackets has no port.
  const [, bracketed, named, port = null] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? []
  const host = bracketed ?? named ?? text
  return { name: bare(host.replace(/^\*?\./, '')), network: parseNetwork(host), port }
}

function covers({ name, network }: Entry, host: string): boolean {
  if (name === '*') return true
  if (isIP(host) !== 0) return network !== undefined && isIn(network, host)
  return network === undefined && name !== '' && (host === name || host.endsWith(`.${name}`))
}

function bare(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
}
