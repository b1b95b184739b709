import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { CallFault } from '../../src/sandbox/sandbox.ts'
import { leapingClock } from '../helpers/clock.ts'
import { outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { planByHand, plannerDeps } from '../helpers/planning.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })

const OTHER = '00D5f0000000009EAA'
const AS_JSON = { do: 'answer', status: 200, contentType: 'application/json' } as const

/** How a renewed login may tell that it is of another org. */
const TELLS: Readonly<Record<string, (url: string) => readonly CallFault[]>> = {
  'its answer': (url) => [
    tokenOf(url, { access_token: 'of-another-org', id: `${url}/id/${OTHER}/0055f0000000001AAA` }),
  ],
  userinfo: (url) => [
    tokenOf(url, { access_token: 'of-another-org' }),
    {
      on: 'userinfo',
      action: {
        ...AS_JSON,
        text: JSON.stringify({ organization_id: OTHER, preferred_username: 'x@acme.example' }),
      },
    },
  ],
}

function tokenOf(url: string, answer: Readonly<Record<string, string>>): CallFault {
  const text = JSON.stringify({ instance_url: url, ...answer })
  return { on: 'token', action: { ...AS_JSON, text } }
}

for (const [teller, faultsOf] of Object.entries(TELLS)) {
  test(`a worker whose login leads to another org from now on sends nothing there, and stops: ${teller} tells`, (t) =>
    stopsInTime(t, faultsOf))
}

async function stopsInTime(t: TestContext, faultsOf: (url: string) => readonly CallFault[]) {
  const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxJobRecords: 5 } })
  const { sandbox, store } = world
  const { referee, faults } = sandbox
  faults.add({ on: 'job', nth: 1, action: { do: 'hold' } })
  const worker = await world.startWorker()
  const id = await submitIds(world, ids18(5))
  await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  // As after the refresh of a sandbox org: same host, same credentials, another org.
  for (const fault of faultsOf(sandbox.url)) faults.add(fault)
  sandbox.expireTokens()
  while ((await worker.ready()) === null) await delay(5)
  assert.match((await worker.ready()) ?? '', /00D5f0000000009EAA/)
  assert.match(await worker.halted, /00D5f0000000009EAA/)
  assert.equal(worker.orgs.get(world.org)?.active, 0)
  assert.equal(await (await store.queues())['ingest-jobs'].getWaitingCount(), 1)
  const more = await submitIds(world, ids18(5, 10))
  const calls = { ...referee.stats().calls }
  assert.equal(await (await store.queues()).requests.getActiveCount(), 0)
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
}

test('a worker that meets another org only when it collects lost rows again stops as well', async (t) => {
  const [failing = ''] = ids18(1)
  const rows = { rules: [{ code: 'DELETE_FAILED', ids: [failing] }] }
  const world = await startWorld(t, { redis, clock: leapingClock(), sandbox: { rows } })
  const { sandbox, store } = world
  const id = await submitIds(world, ids18(5))
  await planByHand(world, id, await plannerDeps(world))
  await (await store.queues()).requests.pause()
  const worker = await world.startWorker()
  while ((await store.ledger.openChunks(id)).size > 0) await delay(5)
  await rm(join(world.results, world.org, id, 'parts'), { recursive: true })
  for (const fault of TELLS['its answer']?.(sandbox.url) ?? []) sandbox.faults.add(fault)
  sandbox.expireTokens()
  await (await store.queues()).requests.resume()
  assert.match(await worker.halted, /00D5f0000000009EAA/)

  sandbox.faults.clear()
  await world.startWorker()
  const { outcome: counts, files, error } = await receiptOf(world, id)
  assert.deepEqual(counts, outcome({ deleted: 4, failed: 1 }))
  assert.deepEqual(
    [files.map(({ name, rows }) => [name, rows]), error],
    [[['failed.csv', 1]], null],
  )
})

test('a renewed login of which nobody tells the org pauses the org, and is never used', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { sandbox, store } = world
  await world.startWorker()
  const nameless = sandbox.faults.add(tokenOf(sandbox.url, { access_token: 'of-nobody' }))
  const forbidden = { do: 'answer', status: 403, errorCode: 'INSUFFICIENT_ACCESS' } as const
  const unread = (['userinfo', 'query'] as const).map((on) =>
    sandbox.faults.add({ on, action: forbidden }),
  )
  sandbox.expireTokens()
  const id = await submitIds(world, ids18(5))
  while ((await store.ledger.pauseState()).fault === null) await delay(5)
  const { fault } = await store.ledger.pauseState()
  assert.equal(fault?.reason, 'login')
  assert.match(fault?.message ?? '', /nothing says of which org.*It was not used/)
  assert.equal(sandbox.referee.stats().jobs.length, 0)

  for (const { id } of [nameless, ...unread]) sandbox.faults.remove(id)
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 5 }))
})
