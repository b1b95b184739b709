import type { Row } from '../frame.ts'
import { COUNT, stat } from '../panels.ts'
import { ORG, shared, total } from '../promql.ts'
import { alertTable, pauses } from './alerts.ts'

/** The first row: numbers that are green where all is well. */

const OPEN = `${ORG}, status=~"queued|planning|deleting"`
const HOUR = 3600
const outcomes = (matchers: string) => `sum(${total('outcome', 'expunge_records_total', matchers)})`

export const GLANCE: Row = {
  title: 'At a glance',
  panels: [
    stat({
      title: 'Firing alerts',
      description: 'Number of alerts that fire now, of all orgs. The table below names them.',
      runbook: 'how-to-look',
      unit: COUNT,
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
      title: 'Workers',
      description: 'Workers that are alive. With several orgs: of the org that has the fewest.',
      runbook: 'expungenoworkers',
      unit: COUNT,
      span: 3,
      queries: [{ expr: `min(${shared('org', 'expunge_workers', ORG)})`, legend: 'workers' }],
      thresholds: [
        [1, 'yellow'],
        [2, 'green'],
      ],
      below: 'red',
    }),
    stat({
      title: 'Paused orgs',
      description: 'Orgs that are paused, by an operator or because of a fault of the org.',
      runbook: 'expungeorgpaused',
      unit: COUNT,
      span: 3,
      queries: [
        { expr: `sum(${shared('org', 'expunge_org_paused', ORG)} > bool 0)`, legend: 'orgs' },
      ],
      thresholds: [[1, 'red']],
    }),
    stat({
      title: 'In progress',
      description:
        'Requests that are queued, being planned or being deleted. Requests that wait for approval do not count.',
      runbook: 'expungerequestoverdue',
      unit: COUNT,
      span: 3,
      queries: [
        { expr: `sum(${shared('org, status', 'expunge_requests', OPEN)})`, legend: 'requests' },
      ],
      below: 'text',
    }),
    stat({
      title: 'Longest wait',
      description: 'Time since the oldest request in progress was submitted; 0 if there is none.',
      runbook: 'expungerequestoverdue',
      unit: 's',
      span: 3,
      queries: [{ expr: `max(expunge_oldest_request_seconds{${OPEN}})`, legend: 'age' }],
      thresholds: [
        [2 * HOUR, 'yellow'],
        [24 * HOUR, 'red'],
      ],
    }),
    stat({
      title: 'Deleted',
      description:
        'Ids deleted in this time range. The ids of an ingest job are counted together, when its results have been collected.',
      runbook: 'how-to-look',
      unit: COUNT,
      span: 3,
      queries: [{ expr: outcomes(`${ORG}, outcome="deleted"`), legend: 'ids' }],
      below: 'text',
    }),
    stat({
      title: 'Failure rate',
      description: 'Share of the ids with a verdict in this time range that failed.',
      runbook: 'expungefailureratio',
      unit: 'percentunit',
      span: 3,
      queries: [
        {
          expr: `${outcomes(`${ORG}, outcome="failed"`)} / (${outcomes(ORG)} > 0)`,
          legend: 'failed',
        },
      ],
      none: 'No ids',
      thresholds: [
        [0.01, 'yellow'],
        [0.1, 'red'],
      ],
    }),
    stat({
      title: 'Quota left',
      description: 'The lowest remaining share of any daily limit of any org.',
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
    alertTable(15, 7),
    pauses(9, 7),
  ],
}
