import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { askRedis } from '../../src/cli/embedded-redis/ask.ts'
import { createProducer } from '../../src/producer/producer.ts'
import { createLogger } from '../../src/shared/base/logger.ts'
import type { OrgConfig } from '../../src/shared/config/config.ts'
import { orgKeys } from '../../src/shared/store/ledger/keys.ts'
import type { RedisConfig } from '../../src/shared/store/redis/redis.ts'
import { startWorker } from '../../src/worker/worker.ts'
import { startCluster } from '../helpers/cluster.ts'
import { ids18 } from '../helpers/ids.ts'
import { poll } from '../helpers/poll.ts'
import { redisUnavailable, startRedis, type TestRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startReplicated } from '../helpers/sentinel.ts'
import { startWorld, type World } from '../helpers/world.ts'

/**
 * A primary dies in the middle of a run, and a replica goes on as the primary. The tests promote it:
 * servers that decide by themselves may, on a busy machine, replace a primary that is only slow, and
 * forget what it has acknowledged. Those are covered by the chaos.
 */

const skip = await redisUnavailable()
const SILENT = createLogger({ level: 'silent' })
const NEVER_MS = 600_000
const RECORDS = 60
const LIMITS = { maxJobRecords: 10, maxInFlight: 3 }

interface Run {
  readonly world: World
  readonly names: readonly string[]
  /** Ends the primary of an org, and promotes its replica; called when every org has ingest jobs at work. */
  replace(): Promise<void>
}

/** Requests of all orgs before and after the death; resolves once each has its receipt. */
async function runThrough(
  t: ReturnType<typeof inReverse>,
  redis: RedisConfig,
  { world, names, replace }: Run,
): Promise<void> {
  const { sandbox, config, metrics } = world
  const base = config.orgs.get(world.org)
  assert.ok(base)
  const orgs = new Map<string, OrgConfig>(names.map((name) => [name, { ...base, ...LIMITS, name }]))
  const worker = await startWorker({ config: { ...config, orgs }, redis, metrics, log: SILENT })
  t.after(() => worker.stop())
  const producer = await createProducer({ redis, onError: () => {} })
  t.after(() => producer.close())
  sandbox.faults.add({ on: 'job', times: 3 * names.length, action: { do: 'hold' } })
  const submit = async (org: string, n: number) => {
    const source = { type: 'ids', ids: ids18(RECORDS, RECORDS * n) } as const
    const id = `${org}-${n}`
    const request = { id, org, object: 'Contact', source, coalesce: false } as const
    // A caller repeats what was not answered.
    return poll(() =>
      producer.submit(request).then(
        () => ({ org, id }),
        () => null,
      ),
    )
  }
  const first = await Promise.all(names.map((org, n) => submit(org, n)))
  await sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 3 * names.length)
  await replace()
  sandbox.faults.clear()
  const later = await Promise.all(names.map((org, n) => submit(org, names.length + n)))
  for (const { org, id } of [...first, ...later]) {
    const receipt = await poll(async () => {
      const view = await producer.inspect(id, { org }).catch(() => null)
      return view?.receipt ?? null
    })
    // An outcome that the failover forgot is found again as already gone.
    const { deleted = 0, alreadyGone = 0 } = receipt.outcome ?? {}
    assert.deepEqual([receipt.status, deleted + alreadyGone], ['completed', RECORDS], id)
  }
  const stats = sandbox.referee.stats()
  assert.equal(stats.deletedTwice, 0)
  assert.deepEqual(worker.troubles, new Map())
}

/**
 * Resolves once the replica has all that the primary has written by now. A failover forgets the rest,
 * and a request or a whole ledger that is only milliseconds old with it.
 */
async function copied({ host, port }: TestRedis): Promise<void> {
  const offsets = async () => {
    const facts = await askRedis({ host, port }, 'INFO replication')
    const [written, read] = [/master_repl_offset:(\d+)/, /slave0:.*,offset=(\d+)/].map((one) =>
      Number(one.exec(facts)?.[1] ?? 0),
    )
    return { written: written ?? 0, read: read ?? 0 }
  }
  const { written } = await offsets()
  await poll(async () => ((await offsets()).read >= written ? true : null))
}

async function openWorld(context: TestContext) {
  const t = inReverse((close) => context.after(close))
  return { t, world: await startWorld(t, { redis: await startRedis(t, {}) }) }
}

test('a run goes on when Sentinel promotes a replica', { skip }, async (context) => {
  const { t, world } = await openWorld(context)
  const { primary, sentinel } = await startReplicated(t, { downAfterMs: NEVER_MS })
  const replace = async () => {
    await copied(primary)
    await primary.kill()
    await sentinel.promote()
  }
  await runThrough(t, sentinel.redis, { world, names: ['default', 'emea'], replace })
})

test('orgs on every shard of a cluster go on when one primary is replaced', {
  skip,
}, async (context) => {
  const { t, world } = await openWorld(context)
  const cluster = await startCluster(t)
  const byShard = new Map<TestRedis, string>()
  for (let n = 0; byShard.size < 3; n++) {
    const name = `org-${n}`
    const shard = await cluster.primaryOf(orgKeys(name).requests)
    if (!byShard.has(shard)) byShard.set(shard, name)
  }
  const [victim] = byShard.keys()
  assert.ok(victim)
  const replace = async () => {
    await copied(victim)
    await victim.kill()
    await cluster.promoteFor(victim)
  }
  await runThrough(t, cluster.redis, { world, names: [...byShard.values()], replace })
  const [name = ''] = byShard.values()
  assert.notEqual(await cluster.primaryOf(orgKeys(name).requests), victim)
})
