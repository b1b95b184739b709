import type { Clock } from '../../shared/base/clock.ts'
import type { Config, OrgConfig } from '../../shared/config/config.ts'
import type { Salesforce } from '../../shared/salesforce/client.ts'
import { connectSalesforce } from '../../shared/salesforce/connect.ts'
import type { Quota } from '../../shared/salesforce/quota.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'

/** The client of an org, and who hears what its calls cost. */
interface Connection {
  readonly salesforce: Salesforce
  /** Who is told of the quota from now on: before the org is known to be ours nobody is. */
  listen(listener: (quota: Quota) => void): void
}

export function connect(
  org: OrgConfig,
  { config, metrics, clock }: { config: Config; metrics: Metrics; clock: Clock },
): Connection {
  let heard = (_: Quota): void => {}
  const salesforce = connectSalesforce(org, config, {
    clock,
    onCall: ({ operation, status, durationMs }) =>
      metrics.salesforceCall({ org: org.name, operation, status, seconds: durationMs / 1000 }),
    onQuota: (quota) => heard(quota),
  })
  return {
    salesforce,
    listen: (listener) => {
      heard = listener
    },
  }
}
