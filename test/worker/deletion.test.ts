import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { deleteIds } from '../helpers/deletion.ts'
import { id15, id18, ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })

describe('a deletion request', () => {
  test('of an inline list is planned, sent and settled', async (t) => {
    const world = await startWorld(t, { redis })
    await world.startWorker()
    const { request, created } = await world.producer.submit({
      org: world.org,
      object: 'Contact',
      source: { type: 'ids', ids: [id18(1), id15(2), id18(1)] },
      onUnchecked: 'accept',
    })
    assert.equal(created, true)
    const receipt = await world.producer.wait(request.id, { org: world.org })
    assert.deepEqual(receipt.plan && { ...receipt.plan, sha256: '' }, {
      read: 3,
      accepted: 2,
      invalid: 0,
      duplicate: 1,
      unchecked: 1,
      chunks: 1,
      sha256: '',
    })
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, { deleted: 2, alreadyGone: 0, failed: 0, unprocessed: 0 })
    assert.equal(receipt.orgId, world.sandbox.orgId)
  })

  test('of a file gives every id its verdict and says why in files', async (t) => {
    const ids = ids18(500)
    const world = await startWorld(t, {
      redis,
      sandbox: {
        rows: {
          rules: [
            { code: 'ENTITY_IS_DELETED', ids: ids.slice(0, 20) },
            { code: 'DELETE_FAILED', ids: ids.slice(20, 25) },
          ],
        },
      },
      org: { maxJobRecords: 200 },
    })
    await world.startWorker()
    const path = join(world.folder, 'ids.csv')
    await writeFile(path, ['Id', ...ids, 'joh.doe@example.com', ''].join('\n'))
    const { request } = await world.producer.submit({
      org: world.org,
      object: 'Contact',
      source: { type: 'file', path },
      onInvalid: 'skip',
    })
    const receipt = await world.producer.wait(request.id, { org: world.org })
    assert.equal(receipt.status, 'incomplete')
    assert.equal(receipt.plan?.chunks, 3)
    assert.deepEqual(receipt.outcome, { deleted: 475, alreadyGone: 20, failed: 5, unprocessed: 0 })
    assert.deepEqual(receipt.failures, { DELETE_FAILED: 5 })
    const folder = join(world.results, world.org, request.id)
    const failed = await readFile(join(folder, 'failed.csv'), 'utf8')
    assert.equal(failed.split('\n').length, 7)
    assert.ok(failed.startsWith('Id,Code,Message\n'))
    assert.match(await readFile(join(folder, 'invalid.csv'), 'utf8'), /^Line,Value,Reason\n502,/)
    assert.deepEqual(JSON.parse(await readFile(join(folder, 'receipt.json'), 'utf8')), receipt)
  })

  test('for hardDelete is refused where the org does not allow it', async (t) => {
    const world = await startWorld(t, { redis })
    await world.startWorker()
    const receipt = await deleteIds(world, ids18(2), { operation: 'hardDelete' })
    assert.equal(receipt.status, 'refused')
    assert.equal(receipt.error?.code, 'HARD_DELETE_NOT_ALLOWED')
    assert.deepEqual(world.sandbox.referee.stats().jobs, [])
  })
})
