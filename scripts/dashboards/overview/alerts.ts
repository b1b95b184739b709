import {
  type DynamicConfigValue,
  MappingType,
  type ValueMap,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { timeline } from '../graphs.ts'
import { dress } from '../panels.ts'
import { ORG } from '../promql.ts'
import { ALERT_PANELS, UID } from '../runbooks.ts'

/** Which alerts fire, and which orgs are paused. */

const WHERE = ['object', 'queue', 'status', 'reason', 'limit', 'priority', 'job', 'instance']
const labels = WHERE.map((label) => `"${label}"`).join(', ')

/**
 * How long each alert has been active, in seconds. Labels that only some alerts have become one,
 * without the spaces around those that are missing, and the alert's name is there twice: the second one is turned into the panel of its runbook.
 */
const FIRING = `
max by (alertname, severity, org, where, runbook) (
  label_replace(
    label_replace(
      label_join(
        time() - (
          ALERTS_FOR_STATE{alertname=~"Expunge.+"}
          and ignoring (alertstate) ALERTS{alertname=~"Expunge.+", alertstate="firing"}
        ),
        "where", " ", ${labels}
      ),
      "where", "$1", "where", " *(.*?) *"
    ),
    "runbook", "$1", "alertname", "(.+)"
  )
)`.trim()

/** Names of alerts as numbers of panels in the dashboard of runbooks. */
const PANELS: ValueMap = {
  type: MappingType.ValueToText,
  options: Object.fromEntries(
    [...ALERT_PANELS].map(([alert, panel], index) => [alert, { text: `${panel}`, index }]),
  ),
}

const COLUMNS: readonly (readonly [label: string, title: string, ...DynamicConfigValue[]])[] = [
  [
    'alertname',
    'Alert',
    { id: 'custom.width', value: 230 },
    {
      id: 'links',
      value: [
        {
          title: 'Runbook',
          url: `/d/${UID}?viewPanel=\${__data.fields.runbook}`,
          targetBlank: true,
        },
      ],
    },
  ],
  [
    'severity',
    'Severity',
    { id: 'custom.width', value: 90 },
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
    {
      id: 'mappings',
      value: [
        {
          type: MappingType.ValueToText,
          options: { critical: { color: 'red', index: 0 }, warning: { color: 'orange', index: 1 } },
        },
      ],
    },
  ],
  ['org', 'Org', { id: 'custom.width', value: 110 }],
  ['where', 'Where'],
  [
    'Value',
    'Active for',
    { id: 'unit', value: 's' },
    { id: 'decimals', value: 0 },
    { id: 'custom.width', value: 110 },
  ],
]

/** Firing alerts, each with a link to its runbook. */
export function alertTable(span: number, height: number): TableBuilder {
  const builder = dress(
    new TableBuilder(),
    {
      title: 'Alerts',
      description: 'Alerts of Expunge that fire now, of all orgs. Click an alert for its runbook.',
      runbook: 'how-to-look',
      unit: 'string',
      span,
      height,
      none: 'No alert is firing',
      queries: [{ expr: FIRING, legend: '' }],
    },
    (query) => query.instant().format(PromQueryFormat.Table),
  ).withTransformation({
    id: 'organize',
    options: {
      excludeByName: { Time: true },
      indexByName: Object.fromEntries(COLUMNS.map(([label], at) => [label, at])),
      renameByName: Object.fromEntries(COLUMNS.map(([label, title]) => [label, title])),
    },
  })
  // What is said where there is no row is else also said in each cell without a text.
  const dash = { id: 'noValue', value: '–' }
  for (const [, title, ...properties] of COLUMNS) {
    builder.overrideByName(title, [dash, ...properties])
  }
  return builder.overrideByName('runbook', [
    { id: 'mappings', value: [PANELS] },
    { id: 'custom.hideFrom', value: { viz: true, legend: true, tooltip: true } },
    { id: 'custom.hidden', value: true },
  ])
}

/** Why an org is paused. The first is what operators did themselves. */
const REASONS: readonly (readonly [reason: string, colour: string])[] = [
  ['operator', 'blue'],
  ['login', 'purple'],
  ['outage', 'red'],
  ['rate', 'yellow'],
  ['request-limit', 'orange'],
  ['quota', 'dark-orange'],
  ['maintenance', 'light-blue'],
]

/** A line for each org: the number of its reason, or 0. */
const PAUSED = REASONS.map(
  ([reason], at) =>
    `max by (org, reason) (expunge_org_paused{${ORG}, reason="${reason}"}) * ${at + 1}`,
).join('\n  or ')

export function pauses(span: number, height: number) {
  return timeline({
    title: 'Pauses',
    description:
      'Whether each org is paused, and why: by an operator, or because of a fault of the org.',
    runbook: 'expungeorgpaused',
    unit: 'short',
    span,
    height,
    queries: [{ expr: `max by (org) (\n  ${PAUSED}\n)`, legend: '{{org}}' }],
    states: [
      [0, 'running', 'green'],
      ...REASONS.map(([reason, colour], at) => [at + 1, reason, colour] as const),
    ],
  })
}
