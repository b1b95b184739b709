/**
 * What a staged id takes in Redis: a plan that waits for approval, by MEMORY USAGE of its frames.
 *
 *   node bench/staging.ts [ids, default 1000000]
 */
import { join } from 'node:path'
import { argv } from 'node:process'
import { orgKeys } from '../src/shared/store/ledger/keys.ts'
import { statusReached } from '../test/helpers/deletion.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { startWorld, type World } from '../test/helpers/world.ts'
import { writeIdFile } from './id-file.ts'

const count = Number(argv[2] ?? 1_000_000)
/** Steps through all numbers below `count`: a large prime has no factor in common with it. */
const ORDERS = {
  sequential: (n: number) => n,
  shuffled: (n: number) => Number((BigInt(n) * 2_654_435_761n) % BigInt(count)),
}

const closers: (() => Promise<void>)[] = []
const scope = inReverse((close) => closers.push(close))
try {
  const redis = await startRedis(scope)
  const world = await startWorld(scope, { redis, org: { maxRecords: count } })
  await world.startWorker()
  for (const [name, order] of Object.entries(ORDERS)) {
    const path = join(world.folder, `${name}.csv`)
    await writeIdFile(path, count, order)
    const bytes = await stagedBytes(world, name, path)
    console.log(`${name}: ${(bytes / count).toFixed(2)} bytes an id (${count} ids)`)
  }
} finally {
  for (const close of closers) await close()
}

async function stagedBytes(world: World, id: string, path: string) {
  const { producer, org, store } = world
  const source = { type: 'file' as const, path }
  await producer.submit({ id, org, object: 'Contact', source, approval: 'required' })
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
