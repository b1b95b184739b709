import assert from 'node:assert/strict'
import type { IngestOrder } from '../../src/shared/store/ledger/chunk.ts'
import { statusReached, submitIds } from './deletion.ts'
import type { World } from './world.ts'

type Fields = Parameters<typeof submitIds>[2]

let orders = 0

/** Plans a request for each list of ids, and puts their chunks into one ingest order. */
export async function shareOrder(
  world: World,
  lists: readonly (readonly string[])[],
  fields: readonly Fields[] = [],
): Promise<{ readonly order: IngestOrder; readonly requests: readonly string[] }> {
  const { ledger, redis } = world.store
  const requests: string[] = []
  for (const [index, ids] of lists.entries()) {
    requests.push(await submitIds(world, ids, { ...fields[index], approval: 'required' }))
  }
  const name = `shared-${++orders}`
  const members: IngestOrder[] = []
  for (const id of requests) {
    await statusReached(world, id, 'awaiting-approval')
    const [[field, member] = []] = await ledger.openChunks(id)
    assert.ok(field !== undefined && member !== undefined)
    const found = await ledger.ingestOrder(member)
    assert.ok(found)
    members.push(found.order)
    await redis.del(ledger.keys.ingest(member))
    await redis.hset(ledger.keys.open(id), field, name)
  }
  const [first] = members
  assert.ok(first)
  const order = { ...first, order: name, chunks: members.flatMap(({ chunks }) => chunks) }
  await redis.hset(ledger.keys.ingest(name), 'order', JSON.stringify(order), 'departed', 1)
  for (const id of requests) assert.equal(await ledger.approve(id), 'approved')
  return { order, requests }
}

/** The same, and sends it. */
export async function sendShared(
  world: World,
  ...given: [lists: readonly (readonly string[])[], fields?: readonly Fields[]]
): Promise<readonly string[]> {
  const { order, requests } = await shareOrder(world, ...given)
  await world.store.orders.ingest(order.order, order.priority)
  return requests
}
