/** What a staged id takes in Redis: a plan that waits for approval, by MEMORY USAGE of its frames. */
import { join } from 'node:path'
import { orgKeys } from '../../src/shared/store/ledger/keys.ts'
import { statusReached } from '../../test/helpers/deletion.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { startWorld, type World } from '../../test/helpers/world.ts'
import { shuffled, writeIdFile } from '../id-file.ts'
import type { Table } from '../table.ts'

const ORDERS = { sequential: (n: number) => n, shuffled }

export const staging: Table = {
  name: 'staging',
  title: 'Redis memory of staged ids, all in one server block',
  size: { full: 1_000_000, quick: 10_000 },
  rounds: 1,
  figure: 'bytes an id',
  ways: async (count, scope) => {
    const redis = await startRedis(scope)
    const world = await startWorld(scope, { redis, org: { maxRecords: count } })
    await world.startWorker()
    return Object.entries(ORDERS).map(([name, order]) => ({
      name,
      measure: async () => {
        const path = join(world.folder, `${name}.csv`)
        await writeIdFile(path, count, (n) => order(n, count))
        return { 'bytes an id': (await stagedBytes(world, path)) / count }
      },
    }))
  },
}

async function stagedBytes(world: World, path: string) {
  const { producer, org, store } = world
  const source = { type: 'file' as const, path }
  const given = { org, object: 'Contact', source, approval: 'required' as const }
  const { id } = (await producer.submit(given)).request
  await statusReached(world, id, 'awaiting-approval')
  const keys = orgKeys(org)
  const lots = (await store.staging.lots()).filter(({ request }) => request === id)
  let bytes = 0
  for (const { request, lot, chunks } of lots) {
    for (let chunk = 0; chunk < chunks; chunk++) {
      const key = keys.frames(request, lot, chunk)
      bytes += Number(await store.redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'))
    }
  }
  return bytes
}
