import { LIVE } from '../colours.ts'
import type { Row } from '../frame.ts'
import { graph } from '../graphs.ts'
import { COUNT } from '../panels.ts'
import { ORG, shared } from '../promql.ts'

/** What waits, for how long, and for what. */

const HOUR = 3600

const inFlight = (metric: string) =>
  `sum by (lane) (${shared('org, lane', `expunge_ingest_jobs_in_flight${metric}`, ORG)})`

export const WAITING: Row = {
  title: 'Backlog',
  panels: [
    graph({
      title: 'Requests by status',
      description: 'Requests that have not ended.',
      runbook: 'expungerequestoverdue',
      unit: COUNT,
      span: 8,
      queries: [
        {
          expr: `sum by (status) (${shared('org, status', 'expunge_requests', ORG)})`,
          legend: '{{status}}',
        },
      ],
      colours: LIVE,
      stacked: 'areas',
    }),
    graph({
      title: 'Age of the oldest request',
      description: 'Time since the oldest request in each status was submitted.',
      runbook: 'expungerequestoverdue',
      unit: 's',
      span: 8,
      queries: [
        {
          expr: shared('status', 'expunge_oldest_request_seconds', ORG),
          legend: '{{status}}',
        },
      ],
      colours: LIVE,
      reach: 60,
      thresholds: [[24 * HOUR, 'red']],
      below: 'transparent',
    }),
    graph({
      title: 'In flight against the window',
      description:
        'Ingest jobs in progress, over all workers, and the window (dashed): how many may be in progress at once. While the window is full, other jobs wait; that is normal.',
      runbook: 'expungequeuestuck',
      unit: COUNT,
      span: 8,
      queries: [
        { expr: inFlight(''), legend: '{{lane}}' },
        { expr: inFlight('_limit'), legend: '{{lane}} limit' },
      ],
      colours: ['bulk', 'urgent'],
      limit: '/ limit$/',
    }),
    graph({
      title: 'Jobs in the queues',
      description: 'Jobs in the BullMQ queues: requests to plan, ingest jobs, callbacks.',
      runbook: 'expungequeuestuck',
      unit: COUNT,
      span: 8,
      queries: [
        {
          expr: `sum by (state) (${shared('org, queue, state', 'expunge_queue_jobs', ORG)})`,
          legend: '{{state}}',
        },
      ],
      colours: ['waiting', 'active', 'delayed'],
      stacked: 'areas',
    }),
    graph({
      title: 'Age of the oldest waiting job',
      description:
        'Time since the oldest waiting job of each queue was queued. Long waits are normal while the window is full.',
      runbook: 'expungequeuestuck',
      unit: 's',
      span: 8,
      queries: [
        {
          expr: shared('queue', 'expunge_queue_oldest_waiting_seconds', ORG),
          legend: '{{queue}}',
        },
      ],
      reach: 60,
      thresholds: [[HOUR / 4, 'orange']],
      below: 'transparent',
    }),
    graph({
      title: 'Stalled ingest jobs',
      description: 'Ingest jobs without progress in Salesforce for 15 minutes.',
      runbook: 'expungeingestjobsstalled',
      unit: COUNT,
      span: 8,
      queries: [{ expr: `sum by (org) (expunge_ingest_jobs_stalled{${ORG}})`, legend: '{{org}}' }],
      shades: 'orange',
      thresholds: [[1, 'orange']],
      below: 'transparent',
    }),
  ],
}
