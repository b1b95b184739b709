import { CLASSES } from '../colours.ts'
import type { Row } from '../frame.ts'
import { graph, heatmap } from '../graphs.ts'
import { buckets, classed, ORG, ORG_OBJECT, quantile, rate } from '../promql.ts'

/** Where the time goes, and how Salesforce answers. */

const PHASE = 'expunge_ingest_phase_duration_seconds'

const phaseHeatmap = (phase: string, title: string, description: string) =>
  heatmap({
    title,
    description,
    runbook: 'expungeingestjobsstalled',
    unit: 's',
    span: 8,
    queries: [{ expr: buckets(PHASE, `${ORG_OBJECT}, phase="${phase}"`), legend: '{{le}}' }],
  })

export const TIME: Row = {
  title: 'Durations',
  panels: [
    phaseHeatmap('upload', 'Upload', 'Time to send the CSV of an ingest job to Salesforce.'),
    phaseHeatmap(
      'wait',
      'Processing in Salesforce',
      'Time from the close of an ingest job to its end: the time that Salesforce takes.',
    ),
    phaseHeatmap(
      'collect',
      'Collecting results',
      'Time to read the results of an ingest job and write them to the results directory.',
    ),
    graph({
      title: 'Phases of ingest jobs, p95',
      description: '95 % of the ingest jobs took no longer in this phase.',
      runbook: 'expungeingestjobsstalled',
      unit: 's',
      span: 12,
      queries: [{ expr: quantile(0.95, 'phase', PHASE, ORG_OBJECT), legend: '{{phase}}' }],
    }),
    heatmap({
      title: 'Requests from submission to end',
      description: 'Small requests take seconds. A backlog shows as a band that climbs.',
      runbook: 'expungerequestoverdue',
      unit: 's',
      span: 12,
      queries: [
        { expr: buckets('expunge_request_duration_seconds', ORG_OBJECT), legend: '{{le}}' },
      ],
    }),
  ],
}

const CALLS = 'expunge_salesforce_requests_total'
const CALL_SECONDS = 'expunge_salesforce_request_duration_seconds'

/** Successes together; what went wrong, each by its status or reason. */
const BY_RESULT = `label_replace(${classed(CALLS, ORG)}, "class", "$1", "status", "(4..|5..|[a-z]+)")`

export const SALESFORCE: Row = {
  title: 'Calls to Salesforce',
  panels: [
    graph({
      title: 'Calls per second, by operation',
      description: 'Each call counts towards the daily limit of the org.',
      runbook: 'expungequotanearlygone',
      unit: 'short',
      span: 12,
      queries: [{ expr: `${rate('operation', CALLS, ORG)} > 0`, legend: '{{operation}}' }],
      legend: 'right',
      stacked: 'areas',
    }),
    graph({
      title: 'Calls per second, by status',
      description: 'The HTTP status, or why there is none: network, timeout, aborted.',
      runbook: 'expungeorgpaused',
      unit: 'short',
      span: 12,
      queries: [{ expr: `sum by (class) (${BY_RESULT}) > 0`, legend: '{{class}}' }],
      colours: [...CLASSES, '429', 'network', 'timeout', 'aborted'],
      legend: 'right',
      stacked: 'areas',
    }),
    graph({
      title: 'Response time',
      description: 'Time until the head of the answer: median, 95th and 99th percentile.',
      runbook: 'expungeorgpaused',
      unit: 's',
      span: 12,
      queries: [0.5, 0.95, 0.99].map((share) => ({
        expr: quantile(share, '', CALL_SECONDS, ORG),
        legend: `p${share * 100}`,
      })),
      colours: ['p50', 'p95', 'p99'],
    }),
    graph({
      title: 'Response time by operation, p95',
      description: '95 % of the calls of this operation had the head of their answer no later.',
      runbook: 'expungeorgpaused',
      unit: 's',
      span: 12,
      queries: [
        { expr: `${quantile(0.95, 'operation', CALL_SECONDS, ORG)} > 0`, legend: '{{operation}}' },
      ],
      legend: 'right',
    }),
  ],
}
