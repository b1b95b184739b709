import type { Row } from '../frame.ts'
import { graph } from '../panels.ts'
import { ORG, shared } from '../promql.ts'

/** What waits, for how long, and for what. */

const HOUR = 3600

export const WAITING: Row = {
  title: 'What waits?',
  panels: [
    graph({
      title: 'Requests by status',
      description: 'Requests that have not ended.',
      runbook: 'expungerequestoverdue',
      unit: 'short',
      span: 8,
      queries: [
        {
          expr: `sum by (status) (${shared('org, status', 'expunge_requests', ORG)})`,
          legend: '{{status}}',
        },
      ],
      stacked: 'areas',
    }),
    graph({
      title: 'Age of the oldest request',
      description: 'Since it was submitted, by its status now.',
      runbook: 'expungerequestoverdue',
      unit: 's',
      span: 8,
      queries: [
        {
          expr: shared('org, status', 'expunge_oldest_request_seconds', ORG),
          legend: '{{org}} {{status}}',
        },
      ],
      thresholds: [[24 * HOUR, 'red']],
    }),
    graph({
      title: 'In flight against the window',
      description:
        'Ingest jobs at work over all workers, and how many may be at once (dashed). At the limit a backlog waits, and that is right.',
      runbook: 'expungequeuestuck',
      unit: 'short',
      span: 8,
      queries: [
        {
          expr: shared('org, lane', 'expunge_ingest_jobs_in_flight', ORG),
          legend: '{{org}} {{lane}}',
        },
        {
          expr: shared('org, lane', 'expunge_ingest_jobs_in_flight_limit', ORG),
          legend: '{{org}} {{lane}} limit',
        },
      ],
      limit: '/ limit$/',
    }),
    graph({
      title: 'Orders in the queues',
      description: 'Work orders by queue and state: plans, ingest jobs, callbacks.',
      runbook: 'expungequeuestuck',
      unit: 'short',
      span: 8,
      queries: [
        {
          expr: `sum by (queue, state) (${shared('org, queue, state', 'expunge_queue_jobs', ORG)})`,
          legend: '{{queue}} {{state}}',
        },
      ],
      stacked: 'areas',
    }),
    graph({
      title: 'Age of the oldest waiting order',
      description: 'Long is right while the window is full, and wrong while there is room in it.',
      runbook: 'expungequeuestuck',
      unit: 's',
      span: 8,
      queries: [
        {
          expr: shared('org, queue', 'expunge_queue_oldest_waiting_seconds', ORG),
          legend: '{{org}} {{queue}}',
        },
      ],
      thresholds: [[HOUR / 4, 'orange']],
    }),
    graph({
      title: 'Stalled ingest jobs',
      description: 'Salesforce has made no progress with them for 15 minutes.',
      runbook: 'expungeingestjobsstalled',
      unit: 'short',
      span: 8,
      queries: [{ expr: `sum by (org) (expunge_ingest_jobs_stalled{${ORG}})`, legend: '{{org}}' }],
      thresholds: [[1, 'orange']],
    }),
  ],
}
