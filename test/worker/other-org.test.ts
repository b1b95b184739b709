import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { leapingClock } from '../helpers/clock.ts'
import { outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })

test('a worker whose login leads to another org from now on sends nothing there, and stops', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxJobRecords: 5 } })
  const { sandbox, store } = world
  const { referee, faults } = sandbox
  faults.add({ on: 'job', nth: 1, action: { do: 'hold', ms: 100 } })
  const worker = await world.startWorker()
  const id = await submitIds(world, ids18(5))
  await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  // As after the refresh of a sandbox org: same host, same credentials, another org.
  const elsewhere = {
    access_token: 'of-another-org',
    instance_url: sandbox.url,
    id: `${sandbox.url}/id/00D5f0000000009EAA/0055f0000000001AAA`,
  }
  const text = JSON.stringify(elsewhere)
  faults.add({
    on: 'token',
    action: { do: 'answer', status: 200, contentType: 'application/json', text },
  })
  sandbox.expireTokens()
  while ((await worker.ready()) === null) await delay(5)
  assert.match((await worker.ready()) ?? '', /00D5f0000000009EAA/)
  assert.match(await worker.halted, /00D5f0000000009EAA/)
  assert.equal(worker.orgs.get(world.org)?.active, 0)
  assert.equal(await store.queues['ingest-jobs'].getWaitingCount(), 1)
  const more = await submitIds(world, ids18(5, 10))
  const calls = { ...referee.stats().calls }
  assert.equal(await store.queues.requests.getActiveCount(), 0)
  assert.deepEqual(referee.stats().calls, calls)

  faults.clear()
  await world.startWorker()
  for (const one of [id, more]) {
    const receipt = await receiptOf(world, one)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 5 }))
    assert.equal(receipt.ingestJobs[0]?.attempt, 1)
  }
  assert.equal(referee.stats().jobs.length, 2)
  assert.equal(referee.stats().deletedTwice, 0)
})
