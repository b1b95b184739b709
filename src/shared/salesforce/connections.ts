import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP } from 'node:net'
import { ConfigError, type ConfigProblem } from '../base/errors.ts'
import { isIn, type Network, parseNetwork } from '../base/ip-network.ts'

/** The variables that name the proxy, in either case, from wherever the settings come. */
export type ProxyEnv = Readonly<Record<string, string | undefined>>

interface Agents {
  /** Those for a call there, by its protocol. */
  for(url: URL): { readonly http: HttpAgent; readonly https: HttpsAgent }
  close(): void
}

/**
 * Keep-alive agents, of which the one for https goes through HTTPS_PROXY where NO_PROXY does not
 * exempt the host. Plain http is spoken to this machine alone, so never through a proxy.
 *
 * @param connectMs limits the proxy's tunnel, and how long an unused connection is kept: well under
 *   what servers keep, so that a call seldom meets a connection that is just being closed
 * @throws {ConfigError} where the proxy's URL is none
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

/** What is wrong with the variables that name the proxy; its URL may hold a password, and is not shown. */
export function proxyProblems(env: ProxyEnv): readonly ConfigProblem[] {
  const message =
    'expected an http:// or https:// URL, or host:port (not shown: it may hold a password).'
  const wrong = ['https_proxy', 'HTTPS_PROXY'].filter((setting) => {
    const url = env[setting]
    return url && proxyUrl(url) === undefined
  })
  return wrong.map((setting) => ({ setting, message }))
}

/** Node takes any text as a proxy and fails at the first call, with its password in the message. */
function proxyOf(env: ProxyEnv): { HTTPS_PROXY: string } | null {
  const problems = proxyProblems(env)
  if (problems.length > 0) throw new ConfigError(problems)
  const named = env['https_proxy'] || env['HTTPS_PROXY']
  const proxy = named ? proxyUrl(named) : undefined
  return proxy === undefined ? null : { HTTPS_PROXY: proxy }
}

/** The proxy's URL; a host without scheme is one of http. Undefined where it is no URL of either. */
export function proxyUrl(text: string): string | undefined {
  const named = text.trim()
  const url = URL.parse(named.includes('://') ? named : `http://${named}`)
  return url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/'
    ? url.href
    : undefined
}

/**
 * Whether a call goes to a URL without the proxy. `NO_PROXY` is read as curl reads it: Node's own
 * agents take an entry `salesforce.com` for that one host and no networks.
 *
 * @param list `NO_PROXY`: names, addresses and networks, by commas or blanks. A name stands for its
 *   subdomains too, with a dot or `*.` before it or not; `host:port` for that port alone; `*` for all.
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

/** Milliseconds. None limits a whole upload or download: only silence does. */
export interface Timeouts {
  /** Until a connection stands, its TLS or proxy tunnel too. */
  readonly connect: number
  /** From the end of what we send to the head of the answer. */
  readonly response: number
  /** Without a byte in either direction. */
  readonly idle: number
}

/** Salesforce cuts its own REST calls off after ten minutes; storing an upload takes it longest. */
export const DEFAULT_TIMEOUTS: Timeouts = { connect: 15_000, response: 300_000, idle: 300_000 }
