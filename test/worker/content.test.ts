import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ConflictError } from '../../src/producer/producer.ts'
import { receiptOf, statusReached } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { planByHand, plannerDeps } from '../helpers/planning.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** A request is about bytes: those of a file are the ones that were planned, and no others. */

const redis = await startRedis({ after })
const csvOf = (ids: readonly string[]) => ['Id', ...ids, ''].join('\n')
const sha256 = (bytes: string | Uint8Array) => hash('sha256', bytes)

async function setup(t: TestContext, ids: readonly string[]) {
  const world = await startWorld(t, { redis })
  const path = join(world.folder, 'ids.csv')
  await writeFile(path, csvOf(ids))
  const submit = async (fields: object = {}, source: object = {}) => {
    const request = { org: world.org, object: 'Contact', approval: 'required', ...fields } as const
    return world.producer.submit({ ...request, source: { type: 'file', path, ...source } })
  }
  return { world, path, submit }
}

/** As a worker does that dies over the plan: it has begun, and does not come back. */
async function dieOverPlan(world: World, id: string, when: 'opened' | 'read'): Promise<void> {
  const died = new Error('died')
  const deps = await plannerDeps(world, {
    ledger: (real) => ({
      pinSource: async (entry) => {
        const answer = await real.pinSource(entry)
        if (when === 'read' && entry.note === 'seen') return answer
        throw died
      },
    }),
  })
  await assert.rejects(planByHand(world, id, deps), died)
}

describe('a file', () => {
  test('is told by the digest of its bytes as they lie on the disk', async (t) => {
    const { world, path, submit } = await setup(t, [])
    const bytes = gzipSync(csvOf(ids18(3)))
    await writeFile(path, bytes)
    const { request } = await submit({ dryRun: true })
    assert.equal(request.content, null)
    await world.startWorker()
    await receiptOf(world, request.id)
    const view = await world.producer.inspect(request.id, { org: world.org })
    assert.deepEqual(view?.content, { bytes: bytes.length, sha256: sha256(bytes) })
  })

  test('that holds other bytes than the request names is not planned', async (t) => {
    const { world, submit } = await setup(t, ids18(10))
    const { request } = await submit({ approval: 'auto' }, { sha256: sha256(csvOf(ids18(9))) })
    await world.startWorker()
    const receipt = await receiptOf(world, request.id)
    assert.deepEqual([receipt.status, receipt.error?.code], ['failed', 'SOURCE_CHANGED'])
    assert.match(receipt.error?.message ?? '', /expected sha256 [0-9a-f]{64}, found 193 bytes/)
    assert.equal(world.sandbox.referee.stats().jobs.length, 0)
  })

  for (const when of ['opened', 'read'] as const) {
    test(`that changed after a worker died over its plan (${when}) is not planned`, async (t) => {
      const { world, path, submit } = await setup(t, ids18(10))
      const { request } = await submit({ id: 'x', approval: 'auto' })
      await dieOverPlan(world, request.id, when)
      await writeFile(path, csvOf(ids18(4)))
      await world.startWorker()
      const receipt = await receiptOf(world, request.id)
      assert.deepEqual([receipt.status, receipt.error?.code], ['failed', 'SOURCE_CHANGED'])
      assert.equal(world.sandbox.referee.stats().jobs.length, 0)
    })
  }

  test('of which the bytes alone changed after it was read is not planned', async (t) => {
    const { world, path, submit } = await setup(t, ids18(10))
    await utimes(path, 1_000_000, 1_000_000)
    const { request } = await submit({ id: 'x', approval: 'auto' })
    await dieOverPlan(world, request.id, 'read')
    await writeFile(path, csvOf(ids18(10, 500)))
    await utimes(path, 1_000_000, 1_000_000)
    await world.startWorker()
    const { error } = await receiptOf(world, request.id)
    assert.equal(error?.code, 'SOURCE_CHANGED')
  })

  test('that is as it was is planned after a crash', async (t) => {
    const { world, submit } = await setup(t, ids18(10))
    const { request } = await submit({ id: 'x', approval: 'auto' })
    await dieOverPlan(world, request.id, 'read')
    await world.startWorker()
    assert.equal((await receiptOf(world, request.id)).outcome?.deleted, 10)
  })
})

test('once a file is planned, the same id with other bytes is a conflict', async (t) => {
  const { world, path, submit } = await setup(t, ids18(10))
  await submit({ id: 'x' })
  await world.startWorker()
  await statusReached(world, 'x', 'awaiting-approval')
  const other = csvOf(ids18(2))
  await assert.rejects(submit({ id: 'x' }, { sha256: sha256(other) }), (error) => {
    assert.ok(error instanceof ConflictError)
    assert.match(error.message, /the content of its source: then 193 bytes, sha256 .*, now sha256/)
    assert.ok(!error.message.includes(path))
    return true
  })
  const same = await submit({ id: 'x' }, { sha256: sha256(csvOf(ids18(10))), path: '/elsewhere' })
  assert.equal(same.created, false)
})
