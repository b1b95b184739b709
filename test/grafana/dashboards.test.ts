import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { dashboardFiles } from '../../scripts/dashboards/all.ts'
import { addedUpIn, PUBLISHED, publishedIn, unknownIn } from './contract.ts'
import { type DashboardPanel, graphsOf, readDashboards } from './dashboard-files.ts'

const dashboards = await readDashboards()
const graphs = dashboards.flatMap(graphsOf)
const exprs = graphs.flatMap(({ targets }) => targets.map(({ expr }) => expr))

test('the committed dashboards are those that the sources make: else npm run dashboards', () => {
  const made = dashboardFiles()
  assert.deepEqual(
    dashboards.map(({ name }) => name),
    [...made.keys()].sort(),
  )
  for (const { name, text } of dashboards) assert.ok(text === made.get(name), name)
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
    assert.ok(fieldConfig?.defaults.unit, title)
    assert.ok(targets.length > 0, title)
    assertUnique(targets.map(({ refId }) => refId))
    for (const { datasource } of targets) {
      assert.deepEqual(datasource, { type: 'prometheus', uid: '$datasource' }, title)
    }
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
