import { CLASSES, WAITS } from '../colours.ts'
import type { Row } from '../frame.ts'
import { graph } from '../graphs.ts'
import { bars, COUNT } from '../panels.ts'
import { classed, increase, ORG, quantile, shared, totalAboveZero } from '../promql.ts'

/** Whether the quota lasts, what fails, and whether the HTTP API answers. */

const HOUR = 3600

/** Of a limit, per second, over the last hour, by whichever system. */
const SPENT = `max by (org, limit) (-deriv(expunge_salesforce_limit_remaining{${ORG}}[1h]))`
const LEFT = shared('org, limit', 'expunge_salesforce_limit_remaining', ORG)
const LIMIT = shared('org, limit', 'expunge_salesforce_limit', ORG)

export const QUOTA: Row = {
  title: 'Salesforce quota',
  panels: [
    graph({
      title: 'Quota left',
      description:
        'Remaining share of the daily limits, as last reported to a worker. All systems that use the org share them. At its reserve (dashed), priority normal waits; low waits at twice as much.',
      runbook: 'expungequotanearlygone',
      unit: 'percentunit',
      span: 8,
      queries: [
        {
          expr: `${LEFT} / ${LIMIT}`,
          legend: '{{org}} {{limit}}',
        },
        {
          expr: `${shared('org, limit', 'expunge_quota_reserve', ORG)} / ${LIMIT}`,
          legend: '{{org}} {{limit}} reserve',
        },
      ],
      limit: '/ reserve$/',
      thresholds: [[0.1, 'red']],
      below: 'transparent',
    }),
    graph({
      title: 'Quota used per hour',
      description: 'At the rate of the last hour, by whichever system uses the org.',
      runbook: 'expungequotarunsout',
      unit: COUNT,
      span: 8,
      queries: [{ expr: `clamp_min(${SPENT}, 0) * 3600`, legend: '{{org}} {{limit}}' }],
    }),
    bars({
      title: 'Quota runs out in',
      description: 'At the rate of the last hour. Limits that are not being used are not shown.',
      runbook: 'expungequotarunsout',
      unit: 's',
      span: 8,
      queries: [{ expr: `${LEFT} / (${SPENT} > 0)`, legend: '{{org}} {{limit}}' }],
      none: 'Not used, or unknown',
      names: 'above',
      thresholds: [
        [4 * HOUR, 'orange'],
        [24 * HOUR, 'green'],
      ],
      below: 'red',
    }),
    graph({
      title: 'Ingest jobs waiting for quota',
      description:
        'By priority. The rest of a daily limit is reserved for other users of the org; low waits first, then normal. They start by themselves.',
      runbook: 'expungequotaholds',
      unit: COUNT,
      span: 8,
      queries: [
        {
          expr: shared('org, priority', 'expunge_quota_held_ingest_jobs', ORG),
          legend: '{{org}} {{priority}} waits',
        },
      ],
      colours: WAITS,
      stacked: 'areas',
      none: 'None waits',
    }),
    graph({
      title: 'Booked quota',
      description: 'What ingest jobs will use, not yet in what Salesforce reports as used.',
      runbook: 'expungequotaholds',
      unit: COUNT,
      span: 8,
      queries: [
        { expr: shared('org, limit', 'expunge_quota_booked', ORG), legend: '{{org}} {{limit}}' },
      ],
    }),
    bars({
      title: 'Priority normal waits in',
      description:
        'At the rate of this hour and the last. Limits that last for a day are not shown.',
      runbook: 'expungequotaholds',
      unit: 's',
      span: 8,
      queries: [
        {
          expr: shared('org, limit', 'expunge_quota_runs_out_seconds', ORG),
          legend: '{{org}} {{limit}}',
        },
      ],
      none: 'Not within a day, or unknown',
      names: 'above',
      thresholds: [[4 * HOUR, 'orange']],
      below: 'red',
    }),
  ],
}

export const FAULTS: Row = {
  title: 'Failures and callbacks',
  panels: [
    bars({
      title: 'Failed ids by code',
      description:
        "Ids that failed in this time range, by Salesforce's code. OTHER stands for every code that Expunge does not know; failed.csv has the original.",
      runbook: 'expungefailureratio',
      unit: COUNT,
      span: 12,
      queries: [
        {
          expr: `sort_desc(${totalAboveZero('code', 'expunge_record_failures_total', ORG)})`,
          legend: '{{code}}',
        },
      ],
      none: 'No id failed',
      names: 'above',
      below: 'red',
    }),
    graph({
      title: 'Callbacks',
      description:
        'Tries to send a callback in each step of the graph. Unavailable: the receiver was not reached, and the callback is sent again.',
      runbook: 'expungecallbacksfailing',
      unit: COUNT,
      span: 12,
      queries: [{ expr: increase('result', 'expunge_callbacks_total', ORG), legend: '{{result}}' }],
      colours: ['delivered', 'rejected', 'refused-address', 'unavailable'],
      none: 'No callbacks',
      stacked: 'bars',
    }),
  ],
}

export const API: Row = {
  title: 'HTTP API',
  panels: [
    graph({
      title: 'API calls per second',
      description: 'Answered calls. 4xx are mistakes of callers, 5xx are faults of Expunge.',
      runbook: 'expungeapierrors',
      unit: 'short',
      span: 12,
      queries: [
        {
          expr: `sum by (class) (${classed('expunge_http_requests_total', '')})`,
          legend: '{{class}}',
        },
      ],
      colours: CLASSES,
      none: 'No calls',
      stacked: 'areas',
    }),
    graph({
      title: 'API response time, p95',
      description:
        'The slowest routes. Measured from the first byte of the request to the last byte of the answer, so uploads take as long as their sender needs.',
      runbook: 'expungeapierrors',
      unit: 's',
      span: 12,
      queries: [
        {
          expr: `topk(5, ${quantile(0.95, 'method, route', 'expunge_http_request_duration_seconds', '')} > 0)`,
          legend: '{{method}} {{route}}',
        },
      ],
      none: 'No calls',
    }),
  ],
}
