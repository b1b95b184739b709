import { ConfigError } from '../base/errors.ts'
import { type ApiOperation, SalesforceError } from './errors.ts'

/** Code of a call whose proxy refuses the tunnel, and will until somebody changes something. */
const PROXY_REFUSED = 'PROXY_REFUSED'

/** Node's message for a refused tunnel, without user and password. */
const TUNNEL = /tunnel to (\S+) via (\S+?)\/?: HTTP\/\d\.\d (\d{3})/

/** The transient 4xx statuses: Request Timeout and Too Many Requests. */
const PASSING: ReadonlySet<number> = new Set([408, 429])

/**
 * The typed error for a tunnel that a proxy refused with 4xx; null for any other failure. It is
 * retried within the call, because a proxy's user directory may be briefly unavailable.
 */
export function proxyRefusal(operation: ApiOperation, text: string): SalesforceError | null {
  const [, target, proxy = '', digits] = TUNNEL.exec(text) ?? []
  const status = Number(digits)
  if (!(status >= 400 && status < 500) || PASSING.has(status)) return null
  const host = URL.parse(proxy)?.host ?? 'of HTTPS_PROXY'
  return new SalesforceError(
    {
      ...{ kind: 'org-fault', code: PROXY_REFUSED, operation, httpStatus: null },
      ...{ transient: true, retryAfterMs: null },
    },
    `The proxy ${host} refused the call ${operation}, a tunnel to ${target}, with ${status}. ` +
      adviceOn(status),
  )
}

function adviceOn(status: number): string {
  if (status === 407) {
    return (
      'Give a user and a password that it takes in HTTPS_PROXY, http://user:password@host:port, ' +
      'with special characters percent-encoded.'
    )
  }
  return 'Have the proxy allow CONNECT to that host and port, or exempt the host in NO_PROXY.'
}

/** Converts the error at the first login, where waiting would never end. */
export function proxyProblem(error: unknown): ConfigError | null {
  const isOne = error instanceof SalesforceError && error.code === PROXY_REFUSED
  return isOne ? new ConfigError([{ setting: 'HTTPS_PROXY', message: error.message }]) : null
}
