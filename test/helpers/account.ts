import assert from 'node:assert/strict'
import type { Receipt } from '../../src/producer/producer.ts'
import { NO_OUTCOME, type Outcome, totalOf } from '../../src/shared/contract/receipt.ts'
import type { Metrics } from '../../src/shared/telemetry/metrics/metrics.ts'
import { linesOf } from './deletion.ts'
import type { World } from './world.ts'

/**
 * Holds a request's receipt and result files against what the org itself counted. The world must
 * have had no other request.
 */
export async function assertAccount(
  world: World,
  ids: readonly string[],
  receipt: Receipt,
): Promise<void> {
  const { referee } = world.sandbox
  const stats = await referee.until(({ jobsAtWork }) => jobsAtWork === 0)
  assert.deepEqual(stats.violations, [])
  assert.equal(stats.deletedTwice, 0)
  const outcome = receipt.outcome ?? NO_OUTCOME
  assert.equal(receipt.plan?.accepted, ids.length)
  assert.equal(totalOf(outcome), ids.length)
  assert.equal(outcome.deleted, stats.rowsDeleted)
  const gone = ids.filter((id) => {
    const verdicts = referee.verdictsOf(id)
    return verdicts.includes('ENTITY_IS_DELETED') && !verdicts.includes('DELETED')
  })
  assert.equal(outcome.alreadyGone, gone.length)
  await assertFiles(world, ids, receipt)
  assertJobs(world, receipt)
  assert.deepEqual(await recordsCounted(world.metrics), outcome)
}

/** Every id that was neither deleted nor gone is in one of the files, once. */
async function assertFiles(world: World, ids: readonly string[], receipt: Receipt): Promise<void> {
  const { referee } = world.sandbox
  const failed = (await linesOf(world, receipt.id, 'failed.csv')) ?? []
  const failures: Record<string, number> = {}
  for (const line of failed) {
    const [id = '', code = ''] = line.split(',')
    failures[code] = (failures[code] ?? 0) + 1
    assert.ok(referee.verdictsOf(id).includes(code), line)
  }
  assert.deepEqual(receipt.failures, failures)
  const unprocessed = (await linesOf(world, receipt.id, 'unprocessed.csv')) ?? []
  assert.equal(failed.length, receipt.outcome?.failed)
  assert.equal(unprocessed.length, receipt.outcome?.unprocessed)
  const listed = [...failed.map((line) => line.split(',')[0] ?? ''), ...unprocessed]
  assert.equal(new Set(listed).size, listed.length, 'an id is listed twice')
  const asked = new Set(ids)
  for (const id of listed) {
    assert.ok(asked.has(id), id)
    assert.ok(!referee.verdictsOf(id).includes('DELETED'), `${id} was deleted`)
  }
}

/** In the order of their creation. A worker that lost its lock leaves an open job behind. */
export const closedJobs = ({ sandbox }: Pick<World, 'sandbox'>) =>
  sandbox.referee.stats().jobs.filter(({ closedAt }) => closedAt !== null)

/** The receipt names every ingest job that was closed, and no other. */
function assertJobs(world: World, receipt: Receipt): void {
  const closed = closedJobs(world)
  assert.deepEqual(
    receipt.ingestJobs.map(({ id, records }) => `${id} ${records}`).sort(),
    closed.map(({ id, rows }) => `${id} ${rows}`).sort(),
  )
}

/** `expunge_records_total`, as an outcome. */
export async function recordsCounted(metrics: Metrics): Promise<Outcome> {
  const counts = await counted(metrics, 'records_total', 'outcome')
  return {
    deleted: counts['deleted'] ?? 0,
    alreadyGone: counts['already_gone'] ?? 0,
    failed: counts['failed'] ?? 0,
    unprocessed: counts['unprocessed'] ?? 0,
  }
}

/** A counter by one of its labels, as far as anything was counted. */
export async function counted(
  { registry }: Metrics,
  name: string,
  label: string,
): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric(`expunge_${name}`)?.get()
  const counts: Record<string, number> = {}
  for (const { labels, value } of metric?.values ?? []) {
    if (value === 0) continue
    const key = String(labels[label])
    counts[key] = (counts[key] ?? 0) + value
  }
  return counts
}

/** Resolves once nothing of the request is left in Redis but its record and its tombstone. */
export async function cleared({ store }: World, id: string): Promise<void> {
  const { prefix } = store.ledger.keys
  const name = id.toLowerCase()
  for (;;) {
    const keys = (await store.redis.keys(`${prefix}:*`)).map((key) => key.slice(prefix.length + 1))
    const staged = await store.staging.lots()
    const kept = [`request:${name}`, `tombstone:${name}`]
    const left = keys.filter((key) => key.toLowerCase().includes(name) && !kept.includes(key))
    if (left.length === 0 && staged.every(({ request }) => request !== name)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
