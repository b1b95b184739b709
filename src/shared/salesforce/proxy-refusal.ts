import { ConfigError } from '../base/errors.ts'
import type { ApiOperation } from './errors.ts'
import { SalesforceError } from './errors.ts'

/** The code of a call whose proxy opens no tunnel, and will not until somebody changes something. */
const PROXY_REFUSED = 'PROXY_REFUSED'

/** Node's words for a tunnel that was refused, without user and password. */
const TUNNEL = /tunnel to (\S+) via (\S+?)\/?: HTTP\/\d\.\d (\d{3})/

/** Of the 4xx, those that say "not now": Request Timeout and Too Many Requests. */
const PASSING: ReadonlySet<number> = new Set([408, 429])

/**
 * The typed error for a tunnel that a proxy has refused with 4xx; null for every other break. Tried
 * again within the call, as a proxy's user directory may be away for a moment.
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

/** What whoever logs in for the first time is told instead: waiting for it would not end. */
export function proxyProblem(error: unknown): ConfigError | null {
  const isOne = error instanceof SalesforceError && error.code === PROXY_REFUSED
  return isOne ? new ConfigError([{ setting: 'HTTPS_PROXY', message: error.message }]) : null
}
