import type { Row } from '../frame.ts'
import { stat } from '../panels.ts'
import { ORG, shared, total } from '../promql.ts'

/** The first row: numbers that are green where all is well. */

const UNDONE = `${ORG}, status=~"queued|planning|deleting"`
const HOUR = 3600

export const GLANCE: Row = {
  title: 'At a glance',
  panels: [
    stat({
      title: 'Firing alerts',
      description:
        'Alerts of Expunge that fire now, of all orgs. Prometheus lists them, and so do the red marks in the graphs.',
      runbook: 'how-to-look',
      unit: 'short',
      span: 3,
      queries: [
        {
          expr: 'count(ALERTS{alertname=~"Expunge.+", alertstate="firing"}) or vector(0)',
          legend: 'alerts',
        },
      ],
      thresholds: [[1, 'red']],
    }),
    stat({
      title: 'Deleted',
      description:
        'Ids deleted in this range. Ids of one ingest job are counted together, when its results were collected.',
      runbook: 'how-to-look',
      unit: 'short',
      span: 3,
      queries: [
        {
          expr: `sum(${total('outcome', 'expunge_records_total', `${ORG}, outcome="deleted"`)})`,
          legend: 'ids',
        },
      ],
    }),
    stat({
      title: 'Share that failed',
      description: 'Of the ids that got a verdict in this range; a dash where there was none.',
      runbook: 'expungefailureratio',
      unit: 'percentunit',
      span: 3,
      queries: [
        {
          expr: `sum(${total('outcome', 'expunge_records_total', `${ORG}, outcome="failed"`)}) / (sum(${total('outcome', 'expunge_records_total', ORG)}) > 0)`,
          legend: 'failed',
        },
      ],
      none: '–',
      thresholds: [
        [0.01, 'yellow'],
        [0.1, 'red'],
      ],
    }),
    stat({
      title: 'Requests not done',
      description:
        'Queued, planned or deleted now. Those that wait for approval are not among them.',
      runbook: 'expungerequestoverdue',
      unit: 'short',
      span: 3,
      queries: [
        { expr: `sum(${shared('org, status', 'expunge_requests', UNDONE)})`, legend: 'requests' },
      ],
      below: 'blue',
    }),
    stat({
      title: 'Oldest of them',
      description: 'Since the oldest of these requests was submitted; 0 where there is none.',
      runbook: 'expungerequestoverdue',
      unit: 's',
      span: 3,
      queries: [{ expr: `max(expunge_oldest_request_seconds{${UNDONE}})`, legend: 'age' }],
      thresholds: [
        [2 * HOUR, 'yellow'],
        [24 * HOUR, 'red'],
      ],
    }),
    stat({
      title: 'Least quota left',
      description: 'Of all orgs and allowances, the one that is nearest to its end.',
      runbook: 'expungequotanearlygone',
      unit: 'percentunit',
      span: 3,
      queries: [
        {
          expr: `min(${shared('org, limit', 'expunge_salesforce_limit_remaining', ORG)} / ${shared('org, limit', 'expunge_salesforce_limit', ORG)})`,
          legend: 'left',
        },
      ],
      thresholds: [
        [0.1, 'yellow'],
        [0.25, 'green'],
      ],
      below: 'red',
    }),
    stat({
      title: 'Paused orgs',
      description: 'By an operator, or by a fault of the org; why is told below.',
      runbook: 'expungeorgpaused',
      unit: 'short',
      span: 3,
      queries: [
        {
          expr: `count(${shared('org', 'expunge_org_paused', ORG)} > 0) or vector(0)`,
          legend: 'orgs',
        },
      ],
      thresholds: [[1, 'red']],
    }),
    stat({
      title: 'Workers',
      description: 'That gave a sign of life in the last seconds; of the org that has the fewest.',
      runbook: 'expungenoworkers',
      unit: 'short',
      span: 3,
      queries: [{ expr: `min(${shared('org', 'expunge_workers', ORG)})`, legend: 'workers' }],
      thresholds: [
        [1, 'yellow'],
        [2, 'green'],
      ],
      below: 'red',
    }),
  ],
}
