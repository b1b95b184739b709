import type { Row } from '../frame.ts'
import { bars, graph } from '../panels.ts'
import { ORG_OBJECT, rate, totalAboveZero } from '../promql.ts'

/** What happens to the rows. */

export const ROWS: Row = {
  title: 'What happens to the rows?',
  panels: [
    graph({
      title: 'Ids by outcome',
      description: 'Verdicts in a second; the ids of an ingest job count all at once.',
      runbook: 'expungenothingdeleted',
      unit: 'cps',
      span: 8,
      queries: [
        {
          expr: rate('object, outcome', 'expunge_records_total', ORG_OBJECT),
          legend: '{{object}} {{outcome}}',
        },
      ],
      stacked: 'areas',
    }),
    bars({
      title: 'Failures by object and code',
      description: 'Ids that failed for good in this range.',
      runbook: 'expungefailureratio',
      unit: 'short',
      span: 8,
      queries: [
        {
          expr: totalAboveZero('object, code', 'expunge_record_failures_total', ORG_OBJECT),
          legend: '{{object}} {{code}}',
        },
      ],
      below: 'orange',
    }),
    bars({
      title: 'Requests by object and status',
      description: 'Requests that ended in this range.',
      runbook: 'expungefailureratio',
      unit: 'short',
      span: 8,
      queries: [
        {
          expr: totalAboveZero('object, status', 'expunge_requests_total', ORG_OBJECT),
          legend: '{{object}} {{status}}',
        },
      ],
      below: 'blue',
    }),
    bars({
      title: 'Retries',
      description: 'Steps and rows that were tried again in this range, by what stood in the way.',
      runbook: 'expungenothingdeleted',
      unit: 'short',
      span: 8,
      queries: [
        {
          expr: totalAboveZero('reason', 'expunge_retries_total', ORG_OBJECT),
          legend: '{{reason}}',
        },
      ],
      below: 'orange',
    }),
    graph({
      title: 'Uploaded',
      description: 'CSV bytes sent to Salesforce in a second.',
      runbook: 'sizing',
      unit: 'Bps',
      span: 8,
      queries: [
        { expr: rate('object', 'expunge_uploaded_bytes_total', ORG_OBJECT), legend: '{{object}}' },
      ],
    }),
    bars({
      title: 'Ingest jobs by state',
      description: 'Ingest jobs that ended in this range, by the state that Salesforce gave them.',
      runbook: 'expungeingestjobsstalled',
      unit: 'short',
      span: 8,
      queries: [
        {
          expr: totalAboveZero('object, state', 'expunge_ingest_jobs_total', ORG_OBJECT),
          legend: '{{object}} {{state}}',
        },
      ],
      below: 'blue',
    }),
  ],
}
