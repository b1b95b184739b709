import type { Row } from '../frame.ts'
import { graph, heatmap } from '../panels.ts'
import { buckets, ORG, ORG_OBJECT, quantile, rate } from '../promql.ts'

/** Where the time goes, and how Salesforce answers. */

const PHASE = 'expunge_ingest_phase_duration_seconds'

const phaseHeatmap = (phase: string, description: string) =>
  heatmap({
    title: `Phase: ${phase}`,
    description,
    runbook: 'expungeingestjobsstalled',
    unit: 's',
    span: 8,
    queries: [{ expr: buckets(PHASE, `${ORG_OBJECT}, phase="${phase}"`), legend: '{{le}}' }],
  })

export const TIME: Row = {
  title: 'Where does the time go?',
  panels: [
    phaseHeatmap('upload', 'Sending the CSV of an ingest job to Salesforce.'),
    phaseHeatmap('wait', "From the close to the job's end: Salesforce's own time."),
    phaseHeatmap('collect', 'Reading the results, and writing them to the results directory.'),
    graph({
      title: 'Phases, 19 of 20',
      description: '19 of 20 ingest jobs took no longer in this phase.',
      runbook: 'expungeingestjobsstalled',
      unit: 's',
      span: 12,
      queries: [{ expr: quantile(0.95, 'phase', PHASE, ORG_OBJECT), legend: '{{phase}}' }],
    }),
    heatmap({
      title: 'Requests from submission to end',
      description: 'Small requests take seconds; a backlog shows as a band that climbs.',
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

const callQuantile = (share: number, words: string) =>
  graph({
    title: `Calls to Salesforce, ${words}`,
    description: `${words} of the calls had the head of their answer no later.`,
    runbook: 'expungeorgpaused',
    unit: 's',
    span: 8,
    queries: [{ expr: quantile(share, 'operation', CALL_SECONDS, ORG), legend: '{{operation}}' }],
  })

export const SALESFORCE: Row = {
  title: 'How is Salesforce?',
  panels: [
    graph({
      title: 'Calls by operation',
      description: 'Calls in a second; each counts towards the daily allowance of the org.',
      runbook: 'expungequotanearlygone',
      unit: 'reqps',
      span: 12,
      queries: [{ expr: rate('operation', CALLS, ORG), legend: '{{operation}}' }],
      stacked: 'areas',
    }),
    graph({
      title: 'Calls by status',
      description: 'The HTTP status, or why there was none: network, timeout, aborted.',
      runbook: 'expungeorgpaused',
      unit: 'reqps',
      span: 12,
      queries: [{ expr: rate('status', CALLS, ORG), legend: '{{status}}' }],
      stacked: 'areas',
    }),
    callQuantile(0.5, 'half'),
    callQuantile(0.95, '19 of 20'),
    callQuantile(0.99, '99 of 100'),
  ],
}
