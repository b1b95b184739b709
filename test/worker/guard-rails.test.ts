import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createLogger } from '../../src/shared/base/logger.ts'
import type { Config, OrgConfig } from '../../src/shared/config/config.ts'
import { leapingClock } from '../helpers/clock.ts'
import {
  deleteIds,
  linesOf,
  outcome,
  receiptOf,
  statusReached,
  submitIds,
} from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** Workers whose guard rails differ: those of the org hold, whichever of them plans. */

const redis = await startRedis({ after })

let used = 0
function fresh(count: number): string[] {
  used += count
  return ids18(count, used - count)
}

/** A worker's settings with other limits for the world's org. */
function withOrg(world: World, limits: Partial<OrgConfig>): Partial<Config> {
  const org = world.config.orgs.get(world.org)
  assert.ok(org)
  return { orgs: new Map([[world.org, { ...org, ...limits }]]) }
}

interface Said {
  readonly setting: string
  readonly [field: string]: unknown
}

/** What workers say of their settings. */
function listen(): { log: ReturnType<typeof createLogger>; said: Said[] } {
  const said: Said[] = []
  const write = (line: string) => {
    const fields = JSON.parse(line)
    if (fields.setting !== undefined) said.push(fields)
  }
  return { log: createLogger({ level: 'warn', destination: { write } }), said }
}

/** A guard rail: the strict worker brings it, the loose one is left to plan. */
interface Case {
  readonly setting: string
  strict(world: World): Partial<Config>
  loose(world: World): Partial<Config>
  /** A request that only the loose worker would let through, and what becomes of it. */
  holds(world: World): Promise<void>
}

const refused = async (world: World, id: string, code: string) => {
  const receipt = await receiptOf(world, id)
  assert.deepEqual([receipt.status, receipt.error?.code], ['refused', code])
}

const CASES: readonly Case[] = [
  {
    setting: 'maxRecords',
    strict: (world) => withOrg(world, { maxRecords: 5 }),
    loose: (world) => withOrg(world, { maxRecords: 50 }),
    holds: async (world) => refused(world, await submitIds(world, fresh(6)), 'TOO_MANY_RECORDS'),
  },
  {
    setting: 'approvalAbove',
    strict: (world) => withOrg(world, { approvalAbove: 5 }),
    loose: (world) => withOrg(world, { approvalAbove: null }),
    holds: async (world) =>
      statusReached(world, await submitIds(world, fresh(6)), 'awaiting-approval'),
  },
  {
    setting: 'hardDelete',
    strict: (world) => withOrg(world, { hardDelete: false }),
    loose: (world) => withOrg(world, { hardDelete: true }),
    holds: async (world) => {
      const id = await submitIds(world, fresh(1), { operation: 'hardDelete' })
      await refused(world, id, 'HARD_DELETE_NOT_ALLOWED')
    },
  },
  {
    setting: 'objects',
    strict: () => ({ objects: new Map([['Contact', { name: 'Contact', prefix: '003' }]]) }),
    loose: () => ({}),
    holds: async (world) => {
      const id = await submitIds(world, ['00Q000000000001'], { object: 'Lead' })
      await refused(world, id, 'UNKNOWN_OBJECT')
    },
  },
  {
    setting: 'files.roots',
    strict: () => ({ files: { roots: [] } }),
    loose: ({ folder }) => ({ files: { roots: [folder] } }),
    holds: async (world) => {
      const path = join(world.folder, 'ids.csv')
      await writeFile(path, `${['Id', ...fresh(3)].join('\n')}\n`)
      const { org, producer } = world
      const source = { type: 'file' as const, path }
      const { request } = await producer.submit({ org, object: 'Contact', source })
      await refused(world, request.id, 'SOURCE_NOT_ALLOWED')
    },
  },
  {
    setting: 'retentionDays',
    strict: () => ({ retentionDays: 60 }),
    loose: () => ({ retentionDays: 1 }),
    holds: async (world) => {
      const { id } = await deleteIds(world, fresh(1))
      const { redis: client, ledger } = world.store
      const seconds = await client.ttl(ledger.keys.request(id))
      assert.ok(seconds > 59 * 86_400, `expected 60 days, got ${seconds} s`)
    },
  },
  {
    setting: 'results.deleted',
    strict: () => ({ audit: { keepDeleted: true } }),
    loose: () => ({ audit: { keepDeleted: false } }),
    holds: async (world) => {
      const { id } = await deleteIds(world, fresh(4))
      assert.equal((await linesOf(world, id, 'deleted.csv'))?.length, 4)
    },
  },
]

describe('a guard rail that only one of two workers has holds for both', {
  concurrency: true,
}, () => {
  for (const { setting, strict, loose, holds } of CASES) {
    test(`${setting}, and the loose one says what it was not allowed`, async (t) => {
      const { log, said } = listen()
      const world = await startWorld(t, { redis, clock: leapingClock(), log })
      const first = await world.startWorker(strict(world))
      await world.startWorker(loose(world))
      await first.stop()
      await holds(world)
      assert.deepEqual(
        said.map((line) => [line.setting, 'inForce' in line]),
        [[setting, true]],
      )
      assert.match(String(said[0]?.['msg']), /expunge policy --org \S+ --apply/)
    })

    test(`${setting}, whichever came first: what the strict one made stricter is logged`, async (t) => {
      const { log, said } = listen()
      const world = await startWorld(t, { redis, clock: leapingClock(), log })
      await world.startWorker(loose(world))
      const second = await world.startWorker(strict(world))
      await second.stop()
      await holds(world)
      assert.deepEqual(
        said.map((line) => [line.setting, 'before' in line]),
        [[setting, true]],
      )
    })
  }
})

describe('the guard rails of a request', { concurrency: true }, () => {
  test('are those of its org when it was accepted, whatever they become', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const first = await world.startWorker(withOrg(world, { maxRecords: 50 }))
    await first.stop()
    const before = await submitIds(world, fresh(20))
    const stricter = await world.startWorker(withOrg(world, { maxRecords: 10 }))
    assert.deepEqual((await receiptOf(world, before)).outcome, outcome({ deleted: 20 }))
    await refused(world, await submitIds(world, fresh(20)), 'TOO_MANY_RECORDS')
    await stricter.stop()
  })

  test('are those of the first worker where its org had none yet', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const id = await submitIds(world, fresh(20))
    assert.equal((await world.store.ledger.load(id))?.guards, null)
    await world.startWorker(withOrg(world, { maxRecords: 10 }))
    await refused(world, id, 'TOO_MANY_RECORDS')
  })

  test('are those of its org where an older version accepted it', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const strict = await world.startWorker(withOrg(world, { maxRecords: 10 }))
    await strict.stop()
    const id = await submitIds(world, fresh(20))
    const { redis: client, ledger } = world.store
    await client.hdel(ledger.keys.request(id), 'guards')
    await world.startWorker(withOrg(world, { maxRecords: 50 }))
    await refused(world, id, 'TOO_MANY_RECORDS')
  })

  test('hold for what came as a BullMQ job, too', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const strict = await world.startWorker(withOrg(world, { maxRecords: 10 }))
    await strict.stop()
    await world.startWorker(withOrg(world, { maxRecords: 50 }))
    const source = { type: 'ids', ids: fresh(20) }
    const data = { id: 'by-bullmq', org: world.org, object: 'Contact', source }
    await (await world.store.queues()).requests.add('deletion-request', data, {
      jobId: 'r-by-bullmq',
    })
    while ((await world.store.ledger.load('by-bullmq')) === null) await statusSoon()
    await refused(world, 'by-bullmq', 'TOO_MANY_RECORDS')
  })

  for (const [first, second] of [
    ['.', 'b'],
    ['b', '.'],
  ] as const) {
    test(`take a relative path for no file, where workers start it at ${first} and at ${second}`, async (t) => {
      const world = await startWorld(t, { redis, clock: leapingClock() })
      const { folder, org, producer } = world
      await mkdir(join(folder, 'b'))
      for (const place of ['.', 'b']) {
        const text = `${['Id', ...fresh(3)].join('\n')}\n`
        await writeFile(join(folder, place, 'ids.csv'), text)
      }
      for (const start of [first, second]) {
        await world.startWorker({ files: { roots: [join(folder, start), join(folder, 'b')] } })
      }
      const submit = async (path: string) => {
        const source = { type: 'file' as const, path }
        return (await producer.submit({ org, object: 'Contact', source })).request.id
      }
      await refused(world, await submit('ids.csv'), 'SOURCE_NOT_ALLOWED')
      const absolute = await submit(join(folder, 'b', 'ids.csv'))
      assert.deepEqual((await receiptOf(world, absolute)).outcome, outcome({ deleted: 3 }))
    })
  }

  test('leave with its receipt: a record that is kept holds none', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    await world.startWorker()
    const { id } = await deleteIds(world, fresh(1))
    const { redis: client, ledger } = world.store
    assert.equal(await client.hexists(ledger.keys.request(id), 'guards'), 0)
  })
})

test('of workers that start at once none loosens what another has', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const limits = [50, 40, 30, 20, 10]
  await Promise.all(limits.map((maxRecords) => world.startWorker(withOrg(world, { maxRecords }))))
  assert.equal((await world.store.ledger.rails())?.rails.maxRecords, 10)
})

const statusSoon = () => new Promise((resolve) => setTimeout(resolve, 10))
