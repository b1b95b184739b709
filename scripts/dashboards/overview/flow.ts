import type { Row } from '../frame.ts'
import { bars, graph } from '../panels.ts'
import { increase, ORG, rate, total } from '../promql.ts'

/** Whether deletions flow. */

export const FLOW: Row = {
  title: 'Do deletions flow?',
  panels: [
    graph({
      title: 'Ids by outcome',
      description:
        'Verdicts in a second. They come in bursts: the ids of an ingest job count all at once, when its results were collected.',
      runbook: 'expungenothingdeleted',
      unit: 'cps',
      span: 12,
      queries: [{ expr: rate('outcome', 'expunge_records_total', ORG), legend: '{{outcome}}' }],
      stacked: 'areas',
    }),
    bars({
      title: 'Outcomes in this range',
      description:
        'Every accepted id gets one: deleted, already gone, failed, or unprocessed where Salesforce never got to it.',
      runbook: 'how-to-look',
      unit: 'short',
      span: 6,
      queries: [{ expr: total('outcome', 'expunge_records_total', ORG), legend: '{{outcome}}' }],
    }),
    bars({
      title: 'Rows read in this range',
      description: 'Rows of the sources of recorded plans: accepted, duplicate, or no id at all.',
      runbook: 'how-to-look',
      unit: 'short',
      span: 6,
      queries: [{ expr: total('verdict', 'expunge_ids_read_total', ORG), legend: '{{verdict}}' }],
    }),
    graph({
      title: 'Requests ended',
      description: 'In each step of the graph, by terminal status.',
      runbook: 'expungefailureratio',
      unit: 'short',
      span: 12,
      queries: [{ expr: increase('status', 'expunge_requests_total', ORG), legend: '{{status}}' }],
      stacked: 'bars',
    }),
    graph({
      title: 'Ingest jobs ended',
      description: 'In each step of the graph, by the state that Salesforce gave them.',
      runbook: 'expungeingestjobsstalled',
      unit: 'short',
      span: 12,
      queries: [{ expr: increase('state', 'expunge_ingest_jobs_total', ORG), legend: '{{state}}' }],
      stacked: 'bars',
    }),
  ],
}
