import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { z } from 'zod'
import { madeFiles } from '../../scripts/dashboards/all.ts'
import { ALERT_PANELS } from '../../scripts/dashboards/runbooks.ts'
import { createMetrics } from '../../src/shared/telemetry/metrics/metrics.ts'
import { addedUpIn, PUBLISHED, publishedIn, unknownIn } from './contract.ts'
import { type DashboardPanel, graphsOf, readDashboards } from './dashboard-files.ts'

const dashboards = await readDashboards()
const graphs = dashboards.flatMap(graphsOf)
const exprs = graphs.flatMap(({ targets }) => targets.map(({ expr }) => expr))

test('the committed files are those that the sources make: else npm run dashboards', async () => {
  const made = madeFiles()
  assert.deepEqual(
    dashboards.map(({ name }) => `dashboards/${name}`),
    [...made.keys()].filter((path) => path.startsWith('dashboards/')).sort(),
  )
  for (const [path, text] of made) {
    const committed = await readFile(new URL(`../../grafana/${path}`, import.meta.url), 'utf8')
    assert.ok(committed === text, path)
  }
})

test('ids are unique', () => {
  assertUnique(dashboards.map(({ uid }) => uid))
  assertUnique(dashboards.map(({ title }) => title))
  for (const { panels } of dashboards) assertUnique(panels.map(({ id }) => String(id)))
})

test('every panel has a title, a description, a unit, and queries by the chosen datasource', () => {
  assert.ok(graphs.length > 40)
  for (const { title, description, fieldConfig, targets } of graphs) {
    assert.notEqual(title, '')
    assert.notEqual(description, '', title)
    assert.ok(fieldConfig.defaults.unit, title)
    assert.ok(fieldConfig.defaults.noValue, title)
    assert.ok(targets.length > 0, title)
    assertUnique(targets.map(({ refId }) => refId))
    for (const { datasource } of targets) {
      assert.deepEqual(datasource, { type: 'prometheus', uid: '$datasource' }, title)
    }
  }
})

test('titles fit on a screen of 1440 pixels', () => {
  // 60 pixels a column, 8 a letter, and 80 for the two icons beside the title.
  for (const { title, gridPos } of graphs) {
    assert.ok(title.length * 8 + 80 <= gridPos.w * 60 + 8, `${title} in ${gridPos.w} columns`)
  }
})

test('descriptions are sentences', () => {
  for (const { title, description } of graphs) assert.match(description, /^[A-Z9].*\.$/, title)
})

test('what is counted is shown as whole numbers, and no share as more than 100 %', () => {
  for (const { title, type, fieldConfig } of graphs) {
    const { unit, decimals, max } = fieldConfig.defaults
    if (unit === 'locale') assert.equal(decimals, 0, title)
    if (unit === 'percentunit' && type === 'timeseries') assert.equal(max, 1, title)
  }
})

/** The colour of a series, as overrides say. */
function colourOf({ fieldConfig }: DashboardPanel, name: string): string | undefined {
  const colour = z.object({ fixedColor: z.string() })
  return fieldConfig.overrides
    .filter(({ matcher: { id, options } }) => {
      const [, pattern = ''] = /^\/(.*)\/$/.exec(options) ?? []
      return id === 'byRegexp' && new RegExp(pattern).test(name)
    })
    .flatMap(({ properties }) => properties.filter(({ id }) => id === 'color'))
    .map(({ value }) => colour.parse(value).fixedColor)
    .at(-1)
}

const panelOf = (title: string) => {
  const panel = graphs.find((one) => one.title === title)
  assert.ok(panel, title)
  return panel
}

test('good is green and bad is red, on every panel by outcome, status or state', () => {
  for (const [titles, good, bad] of [
    [['Ids per second', 'Ids by outcome'], 'deleted', 'failed'],
    [['Requests ended'], 'completed', 'failed'],
    [['Requests by object and status'], 'Contact completed', 'Contact failed'],
    [['Ingest jobs ended'], 'JobComplete', 'Failed'],
    [['Callbacks'], 'delivered', 'rejected'],
    [['API calls per second'], '2xx', '5xx'],
    [['Calls per second, by status'], '2xx', '503'],
  ] as const) {
    for (const panel of titles.map(panelOf)) {
      assert.equal(colourOf(panel, good), 'green', panel.title)
      assert.equal(colourOf(panel, bad), 'red', panel.title)
    }
  }
})

test('every status that a metric can have has a colour of its own on its panel', () => {
  const metrics = createMetrics({ version: '' }).defined
  for (const [title, metric, label] of [
    ['Ids by outcome', 'expunge_records_total', 'outcome'],
    ['Rows read', 'expunge_ids_read_total', 'verdict'],
    ['Requests ended', 'expunge_requests_total', 'status'],
    ['Requests by status', 'expunge_requests', 'status'],
    ['Ingest jobs ended', 'expunge_ingest_jobs_total', 'state'],
    ['Jobs in the queues', 'expunge_queue_jobs', 'state'],
    ['In flight against the window', 'expunge_ingest_jobs_in_flight', 'lane'],
    ['Callbacks', 'expunge_callbacks_total', 'result'],
  ] as const) {
    const labels = Object.entries(metrics.find(({ name }) => name === metric)?.labels ?? {})
    const [, { values = [] } = {}] = labels.find(([name]) => name === label) ?? []
    const colours = values.map((value) => colourOf(panelOf(title), value))
    assert.ok(colours.length > 1 && !colours.includes(undefined), title)
    assert.equal(new Set(colours).size, colours.length, `${title}: ${colours}`)
  }
})

test('the table of alerts links each alert to its runbook', () => {
  const { fieldConfig } = panelOf('Alerts')
  const properties = fieldConfig.overrides.flatMap((one) => one.properties)
  const links = properties.find(({ id }) => id === 'links')?.value
  assert.match(
    JSON.stringify(links),
    /"\/d\/expunge-runbooks\?viewPanel=\$\{__data\.fields\.runbook\}"/,
  )
  const texts = z.record(z.string(), z.object({ text: z.string() }))
  const mapping = z.tuple([z.object({ options: texts })])
  const [panels] = properties
    .filter(({ id }) => id === 'mappings')
    .flatMap(({ value }) => mapping.safeParse(value).data ?? [])
  const runbooks = dashboards.find(({ uid }) => uid === 'expunge-runbooks')
  assert.ok(ALERT_PANELS.size > 15)
  for (const alert of ALERT_PANELS.keys()) {
    const id = Number(panels?.options[alert]?.text)
    const page = runbooks?.panels.find((panel) => panel.id === id)
    assert.match(page?.options.content ?? '', new RegExp(`^### ${alert}\n`), alert)
  }
})

test('every panel links to a section of the runbooks', () => {
  const runbooks = dashboards.find(({ uid }) => uid === 'expunge-runbooks')
  const pages = runbooks?.panels.map(({ id }) => `/d/expunge-runbooks?viewPanel=${id}`) ?? []
  assert.ok(pages.length > 20)
  for (const { title, links } of graphs) {
    assert.equal(links.length, 1, title)
    assert.ok(pages.includes(links[0]?.url ?? ''), title)
  }
})

test('what is counted in each step has steps that a window fits into', () => {
  const counting = graphs.filter(({ targets }) =>
    targets.some(({ expr }) => /\b(?:increase|changes)\([^[]+\[\$__rate_interval\]/.test(expr)),
  )
  assert.ok(counting.length > 8)
  for (const { title, interval } of counting) assert.equal(interval, '1m', title)
})

test('no panel lies over another or beyond the edge', () => {
  for (const { panels, name } of dashboards) {
    for (const [at, panel] of panels.entries()) {
      assert.ok(panel.gridPos.x + panel.gridPos.w <= 24, `${name}: ${panel.title}`)
      const over = panels.slice(0, at).find((other) => overlap(panel, other))
      assert.equal(over, undefined, `${name}: ${panel.title} over ${over?.title}`)
    }
  }
})

function overlap({ gridPos: a }: DashboardPanel, { gridPos: b }: DashboardPanel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

test('panels, annotations and variables name only metrics and labels that are published', () => {
  const annotations = dashboards.flatMap((dashboard) => dashboard.annotations.list)
  const variables = dashboards
    .flatMap(({ templating }) => templating.list.map(({ query }) => JSON.stringify(query)))
    .flatMap((query) => /label_values\(([^,]+),/.exec(query.replaceAll('\\"', '"'))?.[1] ?? [])
  assert.ok(variables.length >= 3)
  for (const expr of [...exprs, ...variables, ...annotations.map((made) => made.expr)]) {
    assert.deepEqual(unknownIn(expr, []), [], expr)
  }
})

test('every published metric is shown somewhere', () => {
  const shown = new Set(exprs.flatMap(publishedIn))
  assert.deepEqual(
    PUBLISHED.filter((name) => !shown.has(name)),
    [],
  )
})

test('facts that several producers tell are never added up', () => {
  for (const expr of exprs) assert.deepEqual(addedUpIn(expr), [], expr)
})

test('the runbooks name panels and dashboards as they are called', async () => {
  const document = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const titles = [...dashboards, ...graphs].map(({ title }) => title)
  const quoted = [...document.matchAll(/"([A-Z][^"\n]+)"/g)].map(([, title = '']) => title)
  assert.ok(quoted.length > 5)
  for (const title of quoted) assert.ok(titles.includes(title), title)
})

test('what looks for unknown and added up metrics finds them', () => {
  assert.deepEqual(unknownIn('sum(expunge_nothing_total) + up', []), ['expunge_nothing_total'])
  assert.deepEqual(unknownIn('expunge_records_total{object="x", code="y"}', []), [
    'expunge_records_total{code}',
  ])
  assert.deepEqual(unknownIn('org:expunge_x:max > 0 and a:b:c', ['a:b:c']), ['org:expunge_x:max'])
  assert.deepEqual(addedUpIn('sum(expunge_requests) + max by (org) (expunge_workers)'), [
    'expunge_requests',
  ])
})

function assertUnique(values: readonly string[]): void {
  assert.deepEqual([...new Set(values)], values)
}
