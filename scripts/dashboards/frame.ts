import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DATASOURCE } from './panels.ts'

/** What the dashboards have in common. */

export interface Row {
  readonly title: string
  readonly panels: readonly Builder<Panel>[]
}

export interface DashboardFacts {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly QueryVariableBuilder[]
  readonly rows: readonly Row[]
}

/** A row for each question, and ids that stay as long as the order does. */
export function dashboard({ uid, title, description, variables, rows }: DashboardFacts): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['expunge'])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .variables([
      new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
      ...variables,
    ])
    .annotations([DEPLOYS, ALERTS])
    .link(
      new DashboardLinkBuilder('Expunge')
        .type(DashboardLinkType.Dashboards)
        .tags(['expunge'])
        .includeVars(true)
        .keepTime(true),
    )
  for (const { title: question, panels } of rows) {
    builder.withRow(new RowBuilder(question))
    for (const panel of panels) builder.withPanel(panel)
  }
  return numbered(builder.build())
}

/** Links to a panel name its id, so Grafana must not make up one of its own. */
export function numbered(built: Dashboard): Dashboard {
  for (const [at, panel] of (built.panels ?? []).entries()) panel.id = at + 1
  // The builders hide both in a menu where nobody looks.
  for (const link of built.links ?? []) delete link.placement
  for (const annotation of built.annotations.list ?? []) delete annotation.placement
  return built
}

/** All values at first; one that appears later belongs to "All" as well. */
export function variable(name: string, label: string, values: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .query({ qryType: 1, query: values, refId: `variable-${name}` })
    .datasource(DATASOURCE)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ text: ['All'], value: ['$__all'] })
}

export const ORG_VARIABLE = variable('org', 'Org', 'label_values(expunge_workers, org)')

const DEPLOYS = new AnnotationQueryBuilder()
  .name('Deploys')
  .datasource(DATASOURCE)
  .enable(true)
  .iconColor('blue')
  .expr(
    'count by (version) (expunge_build_info) unless count by (version) (expunge_build_info offset 5m)',
  )
  .step('60s')
  .titleFormat('Version {{version}}')

const ALERTS = new AnnotationQueryBuilder()
  .name('Alerts')
  .datasource(DATASOURCE)
  .enable(true)
  .iconColor('red')
  .expr('ALERTS{alertname=~"Expunge.+", alertstate="firing"}')
  .step('60s')
  .titleFormat('{{alertname}}')
  .textFormat('{{org}} {{instance}}')
