import type { Row } from '../frame.ts'
import { bars, graph, timeline } from '../panels.ts'
import { increase, ORG, quantile, rate, shared, totalAboveZero } from '../promql.ts'

/** Whether the quota will do, what goes wrong, and how the HTTP API is. */

const HOUR = 3600

/** Of an allowance, in a second, over the last hour; it may be others who spend it. */
const SPENT = `max by (org, limit) (-deriv(expunge_salesforce_limit_remaining{${ORG}}[1h]))`
const LEFT = shared('org, limit', 'expunge_salesforce_limit_remaining', ORG)

export const QUOTA: Row = {
  title: 'Will the quota do?',
  panels: [
    graph({
      title: 'Quota left',
      description:
        'Share of the allowances of 24 hours, as last heard by a worker. All systems of the org share them.',
      runbook: 'expungequotanearlygone',
      unit: 'percentunit',
      span: 10,
      queries: [
        {
          expr: `${LEFT} / ${shared('org, limit', 'expunge_salesforce_limit', ORG)}`,
          legend: '{{org}} {{limit}}',
        },
      ],
      thresholds: [[0.1, 'red']],
      below: 'transparent',
    }),
    graph({
      title: 'Quota spent',
      description: 'In an hour, at the rate of the last hour, by whichever system.',
      runbook: 'expungequotarunsout',
      unit: 'short',
      span: 8,
      queries: [{ expr: `clamp_min(${SPENT}, 0) * 3600`, legend: '{{org}} {{limit}}' }],
    }),
    bars({
      title: 'Quota runs out in',
      description:
        'At the rate of the last hour. Allowances that are not being spent are not shown.',
      runbook: 'expungequotarunsout',
      unit: 's',
      span: 6,
      queries: [{ expr: `${LEFT} / (${SPENT} > 0)`, legend: '{{org}} {{limit}}' }],
      none: 'Nothing is spent',
      thresholds: [
        [4 * HOUR, 'orange'],
        [24 * HOUR, 'green'],
      ],
      below: 'red',
    }),
  ],
}

export const FAULTS: Row = {
  title: 'What goes wrong?',
  panels: [
    bars({
      title: 'Failures by code',
      description:
        'Ids that failed for good in this range, by the code of Salesforce; OTHER is any that is not in the table of codes.',
      runbook: 'expungefailureratio',
      unit: 'short',
      span: 8,
      queries: [
        { expr: totalAboveZero('code', 'expunge_record_failures_total', ORG), legend: '{{code}}' },
      ],
      below: 'orange',
    }),
    timeline({
      title: 'Pauses',
      description: 'Whether and why an org is paused: by an operator, or by a fault of the org.',
      runbook: 'expungeorgpaused',
      unit: 'short',
      span: 8,
      queries: [
        { expr: shared('org, reason', 'expunge_org_paused', ORG), legend: '{{org}} {{reason}}' },
      ],
      on: 'paused',
      off: 'runs',
    }),
    graph({
      title: 'Callbacks',
      description: 'In each step of the graph, by how they went; unavailable ones are sent again.',
      runbook: 'expungecallbacksfailing',
      unit: 'short',
      span: 8,
      queries: [{ expr: increase('result', 'expunge_callbacks_total', ORG), legend: '{{result}}' }],
      stacked: 'bars',
    }),
  ],
}

export const API: Row = {
  title: 'Does the HTTP API answer?',
  panels: [
    graph({
      title: 'Calls of the API by status',
      description: 'Answers in a second. 4xx are mistakes of callers, 5xx are ours.',
      runbook: 'expungeapierrors',
      unit: 'reqps',
      span: 12,
      queries: [{ expr: rate('status', 'expunge_http_requests_total', ''), legend: '{{status}}' }],
      stacked: 'areas',
    }),
    graph({
      title: 'Duration of calls by route',
      description:
        '19 of 20 calls take no longer, from the first byte of the request to the last of the answer. Uploads take as long as their sender does.',
      runbook: 'expungeapierrors',
      unit: 's',
      span: 12,
      queries: [
        {
          expr: quantile(0.95, 'method, route', 'expunge_http_request_duration_seconds', ''),
          legend: '{{method}} {{route}}',
        },
      ],
    }),
  ],
}
