import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP } from 'node:net'
import { ConfigError, type ConfigProblem } from '../base/errors.ts'
import { isIn, type Network, parseNetwork } from '../base/ip-network.ts'

/** The proxy variables, in upper or lower case. */
export type ProxyEnv = Readonly<Record<string, string | undefined>>

interface Agents {
  /** The agents for a call to this URL, by protocol. */
  for(url: URL): { readonly http: HttpAgent; readonly https: HttpsAgent }
  close(): void
}

/**
 * Keep-alive agents. The one for https uses HTTPS_PROXY unless NO_PROXY exempts the host. Plain
 * http is used only for this machine, so never through a proxy.
 *
 * @param connectMs limits setting up the proxy's tunnel, and how long an idle connection is kept:
 *   well below what servers use, so that a call rarely meets a connection that is being closed
 * @throws {ConfigError} if the proxy's URL is invalid
 */
export function createAgents(connectMs: number, env: ProxyEnv = {}): Agents {
  const shared = { keepAlive: true, timeout: connectMs }
  const direct = { http: new HttpAgent(shared), https: new HttpsAgent(shared) }
  const proxy = proxyOf(env)
  const proxied =
    proxy === null ? direct : { ...direct, https: new HttpsAgent({ ...shared, proxyEnv: proxy }) }
  const isExempt = exemptBy(env['no_proxy'] || env['NO_PROXY'])
  return {
    for: (url) => (isExempt(url) ? direct : proxied),
    close: () => {
      for (const agent of new Set([direct.http, direct.https, proxied.https])) agent.destroy()
    },
  }
}

/** Problems of the proxy variables. The URL may contain a password and is not shown. */
export function proxyProblems(env: ProxyEnv): readonly ConfigProblem[] {
  const message =
    'expected an http:// or https:// URL, or host:port (not shown: it may hold a password).'
  const wrong = ['https_proxy', 'HTTPS_PROXY'].filter((setting) => {
    const url = env[setting]
    return url && proxyUrl(url) === undefined
  })
  return wrong.map((setting) => ({ setting, message }))
}

/**
 * Node accepts any text as a proxy and fails at the first call, with the password in the message.
 */
function proxyOf(env: ProxyEnv): { HTTPS_PROXY: string } | null {
  const problems = proxyProblems(env)
  if (problems.length > 0) throw new ConfigError(problems)
  const named = env['https_proxy'] || env['HTTPS_PROXY']
  const proxy = named ? proxyUrl(named) : undefined
  return proxy === undefined ? null : { HTTPS_PROXY: proxy }
}

/**
 * The proxy's URL; a host without a scheme means http. Undefined if it is neither http nor https.
 */
export function proxyUrl(text: string): string | undefined {
  const named = text.trim()
  const url = URL.parse(named.includes('://') ? named : `http://${named}`)
  return url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/'
    ? url.href
    : undefined
}

/**
 * Whether calls to a URL bypass the proxy. `NO_PROXY` is interpreted like in curl; Node's own
 * agents match `salesforce.com` for that single host and support no networks.
 *
 * @param list `NO_PROXY`: names, addresses and networks, separated by commas or blanks. A name
 *   includes its subdomains, with or without a leading dot or `*.`; `host:port` is for that port
 *   only; `*` is for all.
 */
export function exemptBy(list = ''): (url: URL) => boolean {
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

/** Milliseconds. None limits a whole upload or download; they limit only silence. */
export interface Timeouts {
  /** Until the connection is established, including TLS and the proxy tunnel. */
  readonly connect: number
  /** From the end of the request to the head of the answer. */
  readonly response: number
  /** Without a byte in either direction. */
  readonly idle: number
}

/** Salesforce stops its own REST calls after ten minutes; storing an upload takes longest. */
export const DEFAULT_TIMEOUTS: Timeouts = { connect: 15_000, response: 300_000, idle: 300_000 }
