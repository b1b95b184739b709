import { JOB_STATES, OUTCOMES, TERMINAL, VERDICTS } from '../colours.ts'
import type { Row } from '../frame.ts'
import { graph } from '../graphs.ts'
import { bars, COUNT } from '../panels.ts'
import { increase, ORG, rate, total } from '../promql.ts'

/** Whether deletions progress. */

export const FLOW: Row = {
  title: 'Throughput',
  panels: [
    graph({
      title: 'Ids per second',
      description:
        'Ids that received their verdict, per second. They come in bursts: the ids of an ingest job are counted together, when its results have been collected.',
      runbook: 'expungenothingdeleted',
      unit: 'short',
      span: 12,
      queries: [{ expr: rate('outcome', 'expunge_records_total', ORG), legend: '{{outcome}}' }],
      colours: OUTCOMES,
      stacked: 'areas',
    }),
    bars({
      title: 'Ids by outcome',
      description:
        'Ids that received their verdict in this time range. Every accepted id gets one: deleted, already_gone, failed, or unprocessed if Salesforce never processed it.',
      runbook: 'how-to-look',
      unit: COUNT,
      span: 6,
      queries: [{ expr: total('outcome', 'expunge_records_total', ORG), legend: '{{outcome}}' }],
      colours: OUTCOMES,
    }),
    bars({
      title: 'Rows read',
      description:
        'Rows read from the sources of plans in this time range: accepted, duplicate, excluded by a list of `except`, or invalid if they are not an id.',
      runbook: 'how-to-look',
      unit: COUNT,
      span: 6,
      queries: [{ expr: total('verdict', 'expunge_ids_read_total', ORG), legend: '{{verdict}}' }],
      colours: VERDICTS,
    }),
    graph({
      title: 'Requests ended',
      description: 'Requests that ended in each step of the graph, by terminal status.',
      runbook: 'expungefailureratio',
      unit: COUNT,
      span: 12,
      queries: [{ expr: increase('status', 'expunge_requests_total', ORG), legend: '{{status}}' }],
      colours: TERMINAL,
      stacked: 'bars',
    }),
    graph({
      title: 'Ingest jobs ended',
      description:
        'Ingest jobs that ended in each step of the graph, by their state in Salesforce.',
      runbook: 'expungeingestjobsstalled',
      unit: COUNT,
      span: 12,
      queries: [{ expr: increase('state', 'expunge_ingest_jobs_total', ORG), legend: '{{state}}' }],
      colours: JOB_STATES,
      stacked: 'bars',
    }),
  ],
}
