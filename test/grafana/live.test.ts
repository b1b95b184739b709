import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { type OrgStore, openOrgStore } from '../../src/shared/store/org-store.ts'
import { saveQuota } from '../../src/shared/store/quota.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { ids18 } from '../helpers/ids.ts'
import { prometheusUnavailable, promtoolOn, type Sample } from '../helpers/prometheus.ts'
import { redisUnavailable } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { PUBLISHED } from './contract.ts'
import { graphsOf, readDashboards } from './dashboard-files.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { readRules } from './rule-files.ts'

/**
 * Everything that dashboards and rules ask, asked of a real Prometheus that scrapes two producers
 * and two workers through a run with failures, retries, a refusal, callbacks and a pause.
 */

const dashboards = await readDashboards()
const skip = (await prometheusUnavailable()) || (await redisUnavailable())

/** As Grafana would fill in for a range of ten minutes, but with windows that reach as far back. */
function filledIn(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '10m')
    .replaceAll('$__range_s', '600')
    .replaceAll('$__range', '10m')
    .replaceAll(/\$(?:org|object)\b/g, '.+')
}

/** Asks until the answer is as wanted: scrapes come once a second. Gives the last answer. */
async function asked(
  { prometheus }: Fleet,
  expr: string,
  isWanted: (samples: readonly Sample[]) => boolean,
): Promise<readonly Sample[]> {
  for (const deadline = Date.now() + 120_000; ; await delay(200)) {
    const samples = await prometheus.query(filledIn(expr))
    if (isWanted(samples) || Date.now() > deadline) return samples
  }
}

/** A number; NaN is what comes of a division or a quantile of nothing. */
const isThere = (samples: readonly Sample[]) => samples.some(({ value }) => Number.isFinite(value))

/** The only value of a panel's only query, once it is this one. */
async function assertShows(fleet: Fleet, title: string, value: number): Promise<void> {
  const panel = dashboards.flatMap(graphsOf).find((one) => one.title === title)
  const expr = panel?.targets[0]?.expr ?? ''
  const samples = await asked(fleet, expr, ([first]) => first?.value === value)
  assert.deepEqual(
    samples.map((sample) => sample.value),
    [value],
    title,
  )
}

const PATH = '/v1/deletion-requests'
const requestSchema = z.object({
  id: z.string(),
  status: z.string(),
  receipt: z.object({ outcome: z.record(z.string(), z.number()).nullable() }).nullable(),
})

async function submit(api: string, request: object): Promise<string> {
  const response = await fetch(new URL(PATH, api), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
  assert.equal(response.status, 202)
  return z.object({ id: z.string() }).parse(await response.json()).id
}

async function reached(api: string, id: string, status: string) {
  for (;;) {
    const response = await fetch(new URL(`${PATH}/${id}`, api))
    const request = requestSchema.parse(await response.json())
    if (request.status === status) return request
    await delay(50)
  }
}

const source = (count: number, prefix: string, ...more: readonly string[]) => ({
  type: 'ids',
  ids: [...ids18(count, 0, prefix), ...more],
})

/** Requests that end each in its way. Gives how many ids were deleted. */
async function deleteSome({ apis: [first = '', second = ''], receiver }: Fleet): Promise<number> {
  const contacts = source(2000, '003')
  const ended = await Promise.all([
    submit(first, { object: 'Contact', source: contacts, callbackUrl: receiver }).then((id) =>
      reached(first, id, 'incomplete'),
    ),
    submit(second, { object: 'Lead', source: source(500, '00Q') }).then((id) =>
      reached(second, id, 'incomplete'),
    ),
    submit(first, { object: 'Campaign', source: source(10, '701'), dryRun: true }).then((id) =>
      reached(second, id, 'planned'),
    ),
    submit(second, { object: 'Contact', source: source(5, '003', 'no id') }).then((id) =>
      reached(first, id, 'refused'),
    ),
  ])
  assert.equal((await fetch(new URL(`${PATH}/nobody`, first))).status, 404)
  return ended.reduce((sum, { receipt }) => sum + (receipt?.outcome?.['deleted'] ?? 0), 0)
}

async function withStore<T>(fleet: Fleet, work: (store: OrgStore) => Promise<T>): Promise<T> {
  const connection = connectRedis({ kind: 'url', url: fleet.redis.url }, 'wait', () => {})
  const store = openOrgStore(connection, 'default', () => {})
  try {
    return await work(store)
  } finally {
    await store.close()
    connection.disconnect()
  }
}

/** Workers ask for the batches only once they have run for a minute. */
async function tellBatches(fleet: Fleet, remaining: number): Promise<void> {
  const limits = { DailyBulkApiBatches: { max: 15_000, remaining } }
  await withStore(fleet, async ({ redis, connection, ledger: { keys } }) => {
    await saveQuota(connection, keys, limits, Date.now())
    // So many that they run out within hours.
    const hour = Math.floor(Date.now() / 3600_000)
    await redis.hset(keys.quota, `used:DailyBulkApiBatches:${hour}`, 30_000)
  })
}

/** An org that is paused, with requests that wait for it, and one that waits for approval. */
async function leaveSome(fleet: Fleet): Promise<void> {
  const [first = '', second = ''] = fleet.apis
  await withStore(fleet, ({ ledger }) => ledger.pause(false))
  const waiting = ['high', 'normal', 'low'].map((priority) =>
    submit(first, { object: 'Contact', source: source(5, '003'), priority }),
  )
  for (const id of waiting) await reached(second, await id, 'deleting')
  const parked = { object: 'Lead', source: source(5, '00Q'), approval: 'required' }
  await reached(first, await submit(second, parked), 'awaiting-approval')
}

test('every panel and every rule finds what it asks for, and counts it once', {
  skip,
}, async () => {
  const fleet = await startFleet(inReverse(after))
  await tellBatches(fleet, 15_000)
  const left = 'count(expunge_salesforce_limit_remaining{limit="DailyBulkApiBatches"}) == 2'
  assert.ok(isThere(await asked(fleet, `count(up == 1) == 4 and ${left}`, isThere)))
  const first = await deleteSome(fleet)
  // A counter's rate needs a scrape before it rises, and on a busy machine scrapes fail: what the
  // first requests began to count rises again with the second ones.
  assert.ok(isThere(await asked(fleet, 'sum(expunge_requests_total) >= 4', isThere)))
  const deleted = first + (await deleteSome(fleet))
  assert.ok(deleted > 2000)
  await tellBatches(fleet, 14_998)
  await leaveSome(fleet)

  // Both producers tell of them, so a sum would show 6.
  const told = 'count(expunge_requests{status="deleting"} == 3) == 2'
  assert.ok(isThere(await asked(fleet, told, isThere)))
  await assertShows(fleet, 'In progress', 3)
  await assertShows(fleet, 'Deleted', deleted)
  await assertShows(fleet, 'Workers', 2)
  await assertShows(fleet, 'Paused orgs', 1)
  await assertShows(fleet, 'Firing alerts', 0)

  for (const dashboard of dashboards) {
    for (const { title, targets } of graphsOf(dashboard)) {
      for (const { expr } of targets) {
        // No alert fires: Prometheus need only understand the question.
        if (title === 'Alerts') await fleet.prometheus.query(expr)
        else {
          const samples = await asked(fleet, expr, isThere)
          assert.ok(isThere(samples), `${dashboard.title}, ${title}: nothing for ${filledIn(expr)}`)
        }
      }
    }
    for (const { name, expr } of dashboard.annotations.list) {
      const samples = await fleet.prometheus.query(filledIn(expr))
      assert.ok(name === 'Alerts' || isThere(samples), `${name}: nothing for ${expr}`)
    }
  }
  await assertRulesWork(fleet)
  await assertRunbooksAreServed(fleet)
  await assertPagesAreClean(fleet)
})

/** Where alerts link to unless told otherwise: the page that Prometheus serves beside them. */
async function assertRunbooksAreServed({ prometheus }: Fleet): Promise<void> {
  const response = await fetch(`${prometheus.url}/consoles/operations.html`)
  const page = await response.text()
  assert.equal(response.status, 200, page)
  for (const { alert, annotations } of (await readRules()).alerts) {
    const [path, anchor] = (annotations['runbook_url'] ?? '').split('#')
    assert.match(path ?? '', /\(print \$externalURL "\/consoles\/operations\.html"\)/)
    assert.ok(page.includes(`<section id="${anchor}">\n<h3>${alert}</h3>`), alert)
  }
}

/** As promtool reads them: names, types, units and help of everything on both kinds of pages. */
async function assertPagesAreClean({ pages }: Fleet): Promise<void> {
  for (const url of pages) {
    const page = await (await fetch(new URL('/metrics', url))).text()
    assert.match(page, /^expunge_build_info/m)
    assert.equal(await promtoolOn(page, 'check', 'metrics'), '')
  }
}

const evaluated = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() }),
        ),
      }),
    ),
  }),
})

/** Alerts are empty when all is well, so what they are made of is asked for, and the one that is due. */
async function assertRulesWork(fleet: Fleet): Promise<void> {
  const { recordings, alerts } = await readRules()
  const given = ['up', 'process_start_time_seconds']
  const names = [...PUBLISHED, ...recordings.map(({ record }) => record), ...given]
  const answer = await fetch(`${fleet.prometheus.url}/api/v1/rules`)
  const rules = evaluated.parse(await answer.json()).data.groups.flatMap((group) => group.rules)
  assert.equal(rules.length, recordings.length + alerts.length)
  for (const { name, health, lastError } of rules)
    assert.equal(health, 'ok', `${name}: ${lastError}`)
  for (const { expr } of [...recordings, ...alerts]) {
    const selectors = [...expr.matchAll(/([\w:]+)(\{[^}]*\})?/g)].filter(([, name = '']) =>
      names.includes(name),
    )
    assert.ok(selectors.length > 0, expr)
    for (const [selector] of selectors) {
      // No producer was in trouble, so there is no series of such answers.
      const made = selector.replace('status=~"5.."', '')
      assert.ok(isThere(await asked(fleet, made, isThere)), `nothing for ${selector} in ${expr}`)
    }
  }
  for (const { alert, expr } of alerts) {
    const due = alert === 'ExpungeOrgPausedByOperator' ? ['default'] : []
    const samples = await asked(fleet, expr, ({ length }) => length === due.length)
    assert.deepEqual(
      samples.map(({ labels }) => labels['org']),
      due,
      alert,
    )
  }
}
