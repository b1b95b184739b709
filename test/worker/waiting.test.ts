import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { createSecret } from '../../src/producer/http/key-secret.ts'
import type { Waiting } from '../../src/producer/producer.ts'
import { heldOrders } from '../../src/shared/store/booking.ts'
import { saveQuota } from '../../src/shared/store/quota.ts'
import { beginHere } from '../cli/run-here.ts'
import { receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'
import { keyEntry, PATH, startApi } from '../producer/http/api.ts'

/** Why a request waits, as the library, the command line and the HTTP service tell it. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const env = { REDIS_URL: redis.url }

/** What `status` and `list` say on terminals of 80 and of 120 columns. */
async function screensOf(id: string, org: string): Promise<readonly (readonly string[])[]> {
  const seen = [80, 120].map(async (columns) => {
    const terminal = { env, onTerminal: true, columns }
    const screens: string[] = []
    for (const args of [['status', id], ['list']]) {
      const { stdout } = await beginHere([...args, '--org', org], terminal).ended
      const text = stripVTControlCharacters(stdout)
      for (const line of text.split('\n'))
        assert.ok(line.length <= columns || !line.trim().includes(' '), line)
      screens.push(text.replaceAll(/\s+/g, ' '))
    }
    return screens
  })
  return Promise.all(seen)
}

test('a request in line tells who holds the places, but only to those who may know', async (t) => {
  const world = await startWorld(t, { redis, org: { maxInFlight: 1, maxJobRecords: 10 } })
  const { org, producer } = world
  const [all, own] = [createSecret(), createSecret()]
  const keys = [
    keyEntry('all', all, { roles: 'read' }),
    keyEntry('own', own, { roles: 'submit, read', objects: '[Lead]' }),
  ].join('')
  const api = await startApi(t, world, { redis, keys })
  world.sandbox.faults.add({ on: 'job', times: 1, action: { do: 'hold' } })
  await world.startWorker()
  await submitIds(world, ids18(25), { id: 'purge', coalesce: false })
  await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  const source = { type: 'ids', ids: ids18(3, 0, '00Q') } as const
  const fields = { id: 'small', org, object: 'Lead', source, coalesce: false } as const
  await producer.submit(fields, undefined, { submittedBy: 'own' })
  const seen = await poll(async () => {
    const view = await producer.inspect('small', { org })
    const isInLine = view?.waiting.some((one) => one.reason === 'places' && one.work === 'ingest')
    return isInLine ? view?.waiting : null
  })
  const line = { reason: 'places', work: 'ingest', taken: 1, limit: 1, ahead: 1 } as const
  const told: readonly Waiting[] = [{ ...line, heldBy: [{ id: 'purge', places: 1 }] }]
  const hidden: readonly Waiting[] = [{ ...line, heldBy: [] }]
  assert.deepEqual(seen, told)
  for (const [key, expected] of [
    [all, told],
    [own, hidden],
  ] as const) {
    const read = await api.call(`${PATH}/small?org=${org}`, { key })
    assert.deepEqual(read.json.waiting, expected)
    const list = await api.call(`${PATH}?org=${org}&object=Lead`, { key })
    assert.deepEqual(list.json.requests[0].waiting, expected)
  }
  const again = await api.call(PATH, { key: own, json: fields })
  assert.deepEqual([again.status, again.json.waiting], [200, hidden], again.text)
  for (const [status, list] of await screensOf('small', org)) {
    const said =
      /Waiting All ingest job slots are in use: 1 of 1 \(1 by purge\)\. 1 ingest job is ahead of it\. /
    assert.match(status ?? '', said)
    assert.match(list ?? '', /small deleting(, 0 % of 3| 0 %), 1 ahead /)
  }
  await producer.cancel('purge', { org })
  assert.equal((await receiptOf(world, 'small')).status, 'completed')
})

test('a small request tells until when it waits for others', async (t) => {
  const world = await startWorld(t, { redis })
  const { org, producer } = world
  const waitMs = 600_000
  await world.startWorker({ coalesce: { below: 100, fill: 1000, waitMs, highWaitMs: 0 } })
  const from = Date.now()
  await submitIds(world, ids18(3, 100), { id: 'tiny' })
  const [held] = await poll(async () => {
    const waiting = (await producer.inspect('tiny', { org }))?.waiting ?? []
    return waiting.some(({ reason }) => reason === 'gathering') ? waiting : null
  })
  assert.ok(held?.reason === 'gathering')
  const lasts = Date.parse(held.until) - from
  assert.ok(lasts > waitMs - 60_000 && lasts < waitMs + 60_000, held.until)
  for (const [status, list] of await screensOf('tiny', org)) {
    const said =
      /Waiting It is small and waits for others to share an ingest job with, until \S+ \S+ UTC at the latest\. /
    assert.match(status ?? '', said)
    assert.match(list ?? '', /tiny deleting(, 0 % of 3| 0 %), gathering /)
  }
  await producer.cancel('tiny', { org })
  assert.equal((await receiptOf(world, 'tiny')).status, 'cancelled')
})

test('a request that leaves the rest of an allowance to others tells which, and until when', async (t) => {
  const sandbox = { dailyBulkApiBatches: 100 }
  const world = await startWorld(t, { redis, sandbox })
  const { org, producer, store } = world
  world.sandbox.configure({ remainingBulkApiBatches: 5 })
  const { connection, redis: client, ledger } = store
  await world.startWorker()
  const now = Date.now()
  // Ours of 23 hours ago; it leaves the count within two hours.
  const hour = Math.floor(now / 3_600_000) - 23
  await client.hset(ledger.keys.quota, `used:DailyBulkApiBatches:${hour}`, 40)
  await saveQuota(connection, ledger.keys, { DailyBulkApiBatches: { max: 100, remaining: 5 } }, now)
  await submitIds(world, ids18(3, 200), { id: 'first', priority: 'low', coalesce: false })
  await poll(async () => ((await heldOrders(client, ledger.keys, 9)).length === 1 ? true : null))
  await submitIds(world, ids18(3, 210), { id: 'second', priority: 'low', coalesce: false })
  const view = await poll(async () => {
    const seen = await producer.inspect('second', { org })
    return seen?.waiting.some(({ reason }) => reason === 'quota') ? seen : null
  })
  const until = new Date((hour + 25) * 3_600_000).toISOString()
  const allowance = 'DailyBulkApiBatches'
  assert.deepEqual(view.waiting, [
    { reason: 'quota', allowance, left: 5, max: 100, ahead: 1, until },
  ])
  for (const [status, list] of await screensOf('second', org)) {
    const said =
      /Waiting 5 of 100 daily bulk batches are left, too few for its priority\. Enough are free again at \S+ \S+ UTC\. 1 ingest job waited longer\. /
    assert.match(status ?? '', said)
    assert.match(list ?? '', /second deleting(, 0 % of 3| 0 %), quota /)
  }
  await submitIds(world, ids18(3, 220), { id: 'urgent', priority: 'high', coalesce: false })
  assert.equal((await receiptOf(world, 'urgent')).status, 'completed')
  for (const id of ['first', 'second']) {
    await producer.cancel(id, { org })
    assert.equal((await receiptOf(world, id)).status, 'cancelled')
  }
})
