import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { ConfigError } from '../base/errors.ts'
import { exemptBy, proxyUrl } from './proxy.ts'

/** The variables that name the proxy, in either case, from wherever the settings come. */
export type ProxyEnv = Readonly<Record<string, string | undefined>>

export interface Agents {
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

function proxyOf(env: ProxyEnv): { HTTPS_PROXY: string } | null {
  const named = env['https_proxy'] || env['HTTPS_PROXY']
  if (!named) return null
  // Node takes any text here and fails at the first call, with the proxy's password in the message.
  const proxy = proxyUrl(named)
  if (proxy !== undefined) return { HTTPS_PROXY: proxy }
  throw new ConfigError([
    { setting: 'HTTPS_PROXY', message: 'expected an http:// or https:// URL.' },
  ])
}
