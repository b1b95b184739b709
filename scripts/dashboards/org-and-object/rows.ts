import { JOB_STATES, PRIORITIES, TERMINAL } from '../colours.ts'
import type { Row } from '../frame.ts'
import { graph } from '../graphs.ts'
import { bars, COUNT } from '../panels.ts'
import { increase, ORG, ORG_OBJECT, rate, shared, totalAboveZero } from '../promql.ts'

/** What happens to the rows of each object. */

export const ROWS: Row = {
  title: 'Rows and ingest jobs',
  panels: [
    graph({
      title: 'Ids per second, by object',
      description:
        'Ids that received their verdict. The ids of an ingest job are counted together.',
      runbook: 'expungenothingdeleted',
      unit: 'short',
      span: 8,
      height: 10,
      queries: [
        { expr: rate('object', 'expunge_records_total', ORG_OBJECT), legend: '{{object}}' },
      ],
      stacked: 'areas',
    }),
    bars({
      title: 'Failed ids by object and code',
      description: "Ids that failed in this time range, by Salesforce's code.",
      runbook: 'expungefailureratio',
      unit: COUNT,
      span: 8,
      height: 10,
      queries: [
        {
          expr: `sort_desc(${totalAboveZero('object, code', 'expunge_record_failures_total', ORG_OBJECT)})`,
          legend: '{{object}} {{code}}',
        },
      ],
      none: 'No id failed',
      names: 'above',
      below: 'red',
    }),
    bars({
      title: 'Requests by object and status',
      description: 'Requests that ended in this time range.',
      runbook: 'expungefailureratio',
      unit: COUNT,
      span: 8,
      height: 10,
      queries: [
        {
          expr: totalAboveZero('object, status', 'expunge_requests_total', ORG_OBJECT),
          legend: '{{object}} {{status}}',
        },
      ],
      colours: TERMINAL,
      none: 'No request ended',
      names: 'above',
    }),
    bars({
      title: 'Retries',
      description: 'Steps and rows that were tried again in this time range, by reason.',
      runbook: 'expungenothingdeleted',
      unit: COUNT,
      span: 8,
      queries: [
        {
          expr: totalAboveZero('reason', 'expunge_retries_total', ORG_OBJECT),
          legend: '{{reason}}',
        },
      ],
      none: 'No retries',
      below: 'orange',
    }),
    graph({
      title: 'Uploaded',
      description: 'Bytes of CSV sent to Salesforce per second.',
      runbook: 'sizing',
      unit: 'Bps',
      span: 8,
      queries: [
        { expr: rate('object', 'expunge_uploaded_bytes_total', ORG_OBJECT), legend: '{{object}}' },
      ],
    }),
    bars({
      title: 'Ingest jobs by object and state',
      description: 'Ingest jobs that ended in this time range, by their state in Salesforce.',
      runbook: 'expungeingestjobsstalled',
      unit: COUNT,
      span: 8,
      queries: [
        {
          expr: totalAboveZero('object, state', 'expunge_ingest_jobs_total', ORG_OBJECT),
          legend: '{{object}} {{state}}',
        },
      ],
      colours: JOB_STATES,
      none: 'No ingest job ended',
      names: 'above',
    }),
    graph({
      title: 'Gathering requests',
      description: 'Small requests that wait for others to share an ingest job with, by priority.',
      runbook: 'sizing',
      unit: COUNT,
      span: 8,
      queries: [
        { expr: shared('priority', 'expunge_gathering_requests', ORG), legend: '{{priority}}' },
      ],
      colours: PRIORITIES,
    }),
    graph({
      title: 'Gathering ids',
      description: 'Ids of the small requests that wait to share an ingest job, by priority.',
      runbook: 'sizing',
      unit: COUNT,
      span: 8,
      queries: [{ expr: shared('priority', 'expunge_gathering_ids', ORG), legend: '{{priority}}' }],
      colours: PRIORITIES,
    }),
    graph({
      title: 'Departures',
      description: 'Ingest jobs ordered for small requests, in each step of the graph.',
      runbook: 'sizing',
      unit: COUNT,
      span: 8,
      queries: [
        { expr: increase('reason', 'expunge_departures_total', ORG), legend: '{{reason}}' },
      ],
      colours: ['full', 'waited'],
      stacked: 'bars',
    }),
  ],
}
