import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { openLedger, settlement } from './setup.ts'

const server = await startRedis({ after })

describe('a request that is over', () => {
  test('is unfiled until it is said to be filed', async (t) => {
    const { ledger, deleting } = openLedger(t, server)
    await deleting('R1', [])
    assert.deepEqual(await ledger.unfiled('store'), [])
    await ledger.settle(settlement('R1'))
    assert.deepEqual(await ledger.unfiled('store'), ['r1'])
    assert.deepEqual(await ledger.unfiled('other'), [])
    for (let time = 0; time < 2; time++) await ledger.filed('store', 'R1')
    assert.deepEqual(await ledger.unfiled('store'), [])
  })

  test('has its folder removed, by the name that it has there, after its record', async (t) => {
    const { ledger, redis, keys, deleting } = openLedger(t, server)
    await deleting('R1', [])
    await ledger.settle(settlement('R1', { retentionSeconds: 3600 }))
    assert.deepEqual(await ledger.foldersDue('store', 10), [])
    const due = Number(await redis.zscore(keys.folders('store'), 'R1'))
    const [now] = await redis.time()
    const left = due - Number(now)
    assert.ok(left > (await redis.ttl(keys.request('R1'))), `its folder is due in ${left} s`)
  })
})

describe('a folder that is due', () => {
  test('is told until it is removed, the longest due first and no more than asked', async (t) => {
    const { ledger } = openLedger(t, server)
    for (const [name, seconds] of Object.entries({ b: -200, a: -300, c: -100, later: 100 })) {
      await ledger.keepFolder('store', name, seconds)
    }
    assert.deepEqual(await ledger.foldersDue('store', 2), ['a', 'b'])
    assert.deepEqual(await ledger.foldersDue('other', 2), [])
    await ledger.folderRemoved('store', 'a')
    assert.deepEqual(await ledger.foldersDue('store', 10), ['b', 'c'])
  })

  test('is kept where a later request of its id has ended meanwhile', async (t) => {
    const { ledger, redis, keys, deleting } = openLedger(t, server)
    await ledger.keepFolder('store', 'R1', -100)
    await deleting('R1', [])
    await ledger.settle(settlement('R1', { retentionSeconds: 3600 }))
    await ledger.folderRemoved('store', 'R1')
    assert.notEqual(await redis.zscore(keys.folders('store'), 'R1'), null)
  })
})
