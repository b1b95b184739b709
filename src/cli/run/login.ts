import { backoff } from '../../shared/base/backoff.ts'
import { systemClock } from '../../shared/base/clock.ts'
import type { Config, OrgConfig } from '../../shared/config/config.ts'
import {
  connectSalesforce,
  type Identity,
  type Salesforce,
} from '../../shared/salesforce/client.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { OrgLimits } from '../../shared/salesforce/org.ts'
import { proxyProblem } from '../../shared/salesforce/proxy-refusal.ts'
import { outageReporter } from '../outage.ts'
import type { Screen } from '../screen.ts'

/** The org before anything is done to it. */
interface OrgAtStart {
  readonly identity: Identity
  /** Null if the user may not read them. */
  readonly limits: OrgLimits | null
}

/**
 * Logs in before anything else begins, so that wrong credentials are reported at once. Outages are
 * reported and waited out.
 *
 * @throws SalesforceError, WrongOrgError, ConfigError if waiting would not help
 */
export async function logIn(
  org: OrgConfig,
  config: Config,
  screen: Screen,
  signal: AbortSignal,
): Promise<OrgAtStart> {
  const salesforce = connectSalesforce(org, config)
  try {
    const identity = await untilReachable(salesforce, screen, signal)
    return { identity, limits: await salesforce.limits(signal).catch(unreadable(signal)) }
  } finally {
    salesforce.close()
  }
}

const loginDelay = backoff({ first: 2000, factor: 2, cap: 60_000 })

async function untilReachable(
  salesforce: Salesforce,
  screen: Screen,
  signal: AbortSignal,
): Promise<Identity> {
  const outage = outageReporter(screen, 'Salesforce')
  for (let failures = 1; ; failures++) {
    try {
      const identity = await salesforce.login(signal)
      outage.over()
      return identity
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof SalesforceError && error.transient)) throw error
      const problem = proxyProblem(error)
      if (problem !== null) throw problem
      const pause = Math.max(error.retryAfterMs ?? 0, loginDelay(failures))
      outage.failed(error.message, pause)
      await systemClock.sleep(pause, signal)
    }
  }
}

/** A user without "View Setup" does not see them. */
function unreadable(signal: AbortSignal): () => null {
  return () => {
    signal.throwIfAborted()
    return null
  }
}
