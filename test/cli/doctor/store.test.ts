import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Queue } from 'bullmq'
import { checkQueues } from '../../../src/cli/doctor/store.ts'
import { openOrgStore } from '../../../src/shared/store/org-store.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'

const scope = inReverse(after)
const { url } = await startRedis(scope)
const client = connectRedis({ kind: 'url', url }, 'wait', () => {})
scope.after(async () => client.disconnect())
const store = openOrgStore(client, `queues-${process.pid}`, () => {})
scope.after(() => store.close())

test('a job that lies in the place of a key of BullMQ is named', async () => {
  const { requests } = await store.queues()
  await requests.add('deletion-request', {}, { jobId: 'r-well' })
  assert.deepEqual(await checkQueues(store), [])
  await assert.rejects(requests.add('deletion-request', {}, { jobId: 'prioritized', priority: 1 }))
  const [finding, ...others] = await checkQueues(store)
  assert.deepEqual([finding?.verdict, others], ['fail', []])
  assert.match(finding?.advice ?? '', /DEL '\{expunge-queues-\d+\}:requests:prioritized'$/)
  await client.del(store.ledger.keys.job('requests', 'prioritized'))
})

test('jobs under a prefix without braces are named', async (t) => {
  const prefix = store.ledger.keys.prefix.slice(1, -1)
  const queue = new Queue('requests', { connection: { url }, prefix })
  t.after(() => queue.close())
  const job = await queue.add('deletion-request', {})
  const [finding] = await checkQueues(store)
  assert.equal(finding?.verdict, 'warn')
  assert.match(finding?.advice ?? '', /prefix \{expunge-queues-\d+\}, braces and all/)
  await job.remove()
  assert.deepEqual(await checkQueues(store), [])
})
