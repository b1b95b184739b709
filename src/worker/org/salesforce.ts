import type { Clock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import { messageOf } from '../../shared/base/errors.ts'
import type { Config, OrgConfig } from '../../shared/config/config.ts'
import {
  connectSalesforce,
  type Identity,
  type Salesforce,
} from '../../shared/salesforce/client.ts'
import { isCounted, SalesforceError } from '../../shared/salesforce/errors.ts'
import { proxyProblem } from '../../shared/salesforce/proxy-refusal.ts'
import { outageDelay } from '../../shared/salesforce/retry.ts'
import type { Quota } from '../../shared/salesforce/transport.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'

/**
 * The first login of a worker, retried without a limit. A failure does not pause the org, because
 * other workers may have access.
 *
 * @throws WrongOrgError; ConfigError if a proxy refuses us
 */
export async function login(
  salesforce: Pick<Salesforce, 'login'>,
  ctx: Context & {
    /** Receives the reason of each failure. */
    readonly delayed?: (trouble: string) => void
  },
): Promise<Identity> {
  for (let failures = 1; ; failures++) {
    try {
      return await salesforce.login(ctx.signal)
    } catch (error) {
      ctx.signal.throwIfAborted()
      if (!(error instanceof SalesforceError) || !error.retryable) throw error
      const problem = proxyProblem(error)
      if (problem !== null) throw problem
      ctx.delayed?.(messageOf(error))
      const ms = Math.max(error.retryAfterMs ?? 0, outageDelay(failures))
      const seconds = Math.ceil(ms / 1000)
      ctx.log.error({ err: error }, `Login failed, retrying in ${seconds} s: ${messageOf(error)}`)
      await ctx.clock.sleep(ms, ctx.signal)
    }
  }
}

/** The client of an org, and a listener for its quota. */
interface Connection {
  readonly salesforce: Salesforce
  /** Sets the listener. Until the org is verified to be ours, nobody listens. */
  listen(listener: (quota: Quota) => void): void
}

export function connect(
  org: OrgConfig,
  { config, metrics, clock }: { config: Config; metrics: Metrics; clock: Clock },
): Connection {
  let heard = (_: Quota): void => {}
  const salesforce = connectSalesforce(org, config, {
    clock,
    onCall: ({ operation, status, durationMs }) => {
      if (!isCounted(operation)) return
      metrics.salesforceCall({ org: org.name, operation, status, seconds: durationMs / 1000 })
    },
    onQuota: (quota) => heard(quota),
  })
  return {
    salesforce,
    listen: (listener) => {
      heard = listener
    },
  }
}
