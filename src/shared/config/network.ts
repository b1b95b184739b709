import { isIP } from 'node:net'
import type { ConfigProblem } from '../base/errors.ts'
import type { ProxyEnv } from '../salesforce/connections.ts'
import { proxyUrl } from '../salesforce/connections.ts'
import type { Variables } from './environment.ts'
import type { ValueForm } from './settings.ts'

interface HostAndPort {
  readonly host: string
  readonly port: number
}

const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$/

/** A host's name as URLs have it: in lower case, without the root's dot. */
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

/** The variables that name the proxy, in either case; the lower one counts where both are set. */
export function readProxy(env: Variables, problems: ConfigProblem[]): ProxyEnv {
  for (const name of ['https_proxy', 'HTTPS_PROXY']) {
    const url = env[name]
    // The URL may hold a password, so it is not shown.
    const message =
      'expected an http:// or https:// URL, or host:port (not shown: it may hold a password).'
    if (url && proxyUrl(url) === undefined) problems.push({ setting: name, message })
  }
  const names = ['https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY']
  return Object.fromEntries(names.filter((name) => env[name]).map((name) => [name, env[name]]))
}
