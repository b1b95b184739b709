import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboard, ORG_VARIABLE, variable } from '../frame.ts'
import { PROCESSES, REDIS } from './processes.ts'
import { ROWS } from './rows.ts'
import { SALESFORCE, TIME } from './salesforce.ts'

/** Where and why: what operators ask next. */
export function orgAndObject(): Dashboard {
  return dashboard({
    uid: 'expunge-org-and-object',
    title: 'Expunge: org and object',
    description:
      'Where time is spent and why ids fail: phases of ingest jobs, calls to Salesforce, retries, processes and Redis.',
    variables: [
      ORG_VARIABLE,
      variable('object', 'Object', 'label_values(expunge_ids_read_total{org=~"$org"}, object)'),
    ],
    rows: [TIME, SALESFORCE, ROWS, PROCESSES, REDIS],
  })
}
