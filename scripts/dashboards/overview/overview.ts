import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboard, ORG_VARIABLE } from '../frame.ts'
import { API, FAULTS, QUOTA } from './faults.ts'
import { FLOW } from './flow.ts'
import { GLANCE } from './glance.ts'
import { WAITING } from './waiting.ts'

/** Whether anything is wrong: what operators ask first. */
export function overview(): Dashboard {
  return dashboard({
    uid: 'expunge-overview',
    title: 'Expunge: overview',
    description:
      'Whether anything is wrong: alerts, throughput, backlog, quota, failures. "Expunge: org and object" shows where and why.',
    variables: [ORG_VARIABLE],
    rows: [GLANCE, FLOW, WAITING, QUOTA, FAULTS, API],
  })
}
