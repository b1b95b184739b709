import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ANCHORS } from '../../scripts/dashboards/runbooks.ts'
import { prometheusUnavailable, promtool } from '../helpers/prometheus.ts'
import { addedUpIn, unknownIn } from './contract.ts'
import { RULES, readRules } from './rule-files.ts'

const { recordings, alerts, cases, ruleFiles, testFiles } = await readRules()
const recorded = recordings.map(({ record }) => record)
const skip = await prometheusUnavailable()

test('promtool takes the rules and the configuration', { skip }, async () => {
  const said = await promtool(
    'check',
    'rules',
    '--lint=all',
    ...ruleFiles.map((name) => RULES + name),
  )
  assert.match(said, /SUCCESS/)
  const config = fileURLToPath(new URL('../../grafana/prometheus.yml', import.meta.url))
  assert.match(
    await promtool('check', 'config', config),
    new RegExp(`${ruleFiles.length} rule files found`),
  )
})

for (const name of testFiles) {
  test(`the unit tests of the rules pass: ${name}`, { skip }, async () => {
    assert.match(await promtool('test', 'rules', RULES + name), /SUCCESS/)
  })
}

test('every alert has a unit test in which it fires, and one in which it does not', () => {
  const names = alerts.map(({ alert }) => alert)
  assert.ok(names.length > 15)
  assert.deepEqual([...new Set(names)], names)
  for (const name of names) {
    const counts = cases
      .filter(({ alertname }) => alertname === name)
      .map(({ exp_alerts }) => exp_alerts.length)
    assert.ok(
      counts.some((count) => count > 0),
      `${name} never fires`,
    )
    assert.ok(counts.includes(0), `${name} is never silent`)
  }
  for (const { alertname } of cases) assert.ok(names.includes(alertname), alertname)
})

test('every alert says what it means, how bad it is, and where its runbook is', () => {
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels['severity'] ?? '', /^(?:critical|warning)$/, alert)
    assert.ok(annotations['summary'] && annotations['description'], alert)
    const [, anchor = ''] = /#([\w-]+)$/.exec(annotations['runbook_url'] ?? '') ?? []
    assert.equal(anchor, alert.toLowerCase())
    assert.ok(ANCHORS.includes(anchor), `docs/operations.md has no section ${alert}`)
  }
})

test('every runbook of an alert is of an alert that exists', () => {
  const anchors = alerts.map(({ alert }) => alert.toLowerCase())
  for (const anchor of ANCHORS.filter((name) => name.startsWith('expunge'))) {
    assert.ok(anchors.includes(anchor), anchor)
  }
})

test('rules name only metrics, labels and recordings that exist, and add up no shared fact', () => {
  for (const { expr } of [...recordings, ...alerts]) {
    assert.deepEqual(unknownIn(expr, recorded), [], expr)
    assert.deepEqual(addedUpIn(expr), [], expr)
  }
})

test('every recording is used by an alert', () => {
  const used = alerts.map(({ expr }) => expr).join('\n')
  for (const name of recorded) assert.ok(used.includes(name), name)
})
