import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { ConfigError } from '../errors.ts'

/** The variables that name the proxy, in either case, from wherever the settings come. */
export type ProxyEnv = Readonly<Record<string, string | undefined>>

export interface Agents {
  readonly http: HttpAgent
  readonly https: HttpsAgent
}

/**
 * Keep-alive agents, of which the one for https goes through HTTPS_PROXY where NO_PROXY does not
 * exempt the host. Plain http is spoken to this machine alone, so never through a proxy.
 *
 * @param connectMs limits the proxy's tunnel, and how long an unused connection is kept: well under
 *   what servers keep, so that a call seldom meets a connection that is just being closed
 * @throws {ConfigError} where the proxy's URL is none
 */
export function createAgents(connectMs: number, proxyEnv: ProxyEnv = {}): Agents {
  const shared = { keepAlive: true, timeout: connectMs }
  return {
    http: new HttpAgent(shared),
    https: new HttpsAgent({ ...shared, proxyEnv: proxyOf(proxyEnv) }),
  }
}

function proxyOf(env: ProxyEnv): Record<string, string> {
  const proxy = env['https_proxy'] || env['HTTPS_PROXY']
  if (!proxy) return {}
  // Node takes any text here and fails at the first call, with the proxy's password in the message.
  if (!URL.canParse(proxy) || !['http:', 'https:'].includes(new URL(proxy).protocol)) {
    throw new ConfigError([
      { setting: 'HTTPS_PROXY', message: 'expected an http:// or https:// URL.' },
    ])
  }
  const exempt = env['no_proxy'] || env['NO_PROXY']
  return { HTTPS_PROXY: proxy, ...(exempt && { NO_PROXY: exempt }) }
}
