import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { GoneError } from '../../src/producer/producer.ts'
import { deleteIds, receiptOf, submitIds } from '../helpers/deletion.ts'
import { endedJob } from '../helpers/door.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'
import { PATH, startApi } from '../producer/http/api.ts'

/** A request that comes again after its record has expired. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
const api = await startApi(scope, world, { redis })
await world.startWorker()
const { org, producer, store } = world

/** What time does once the retention has ended. */
const expire = (id: string) => store.redis.del(store.ledger.keys.request(id))
const rowsReceived = () => world.sandbox.referee.stats().rowsReceived

test('is told what became of it, and nothing is run', async () => {
  await deleteIds(world, ids18(10), { id: 'again' })
  await expire('again')
  const before = rowsReceived()
  for (const [ids, sameContent] of [
    [ids18(10), true],
    [ids18(3), false],
  ] as const) {
    await assert.rejects(submitIds(world, ids, { id: 'AGAIN' }), (error) => {
      assert.ok(error instanceof GoneError)
      assert.deepEqual([error.status, error.sameContent], ['completed', sameContent])
      return true
    })
  }
  assert.equal(rowsReceived(), before)
})

test('over HTTP is answered with 410 and what is known', async () => {
  await deleteIds(world, ids18(5, 100), { id: 'http' })
  await expire('http')
  const source = { type: 'ids', ids: ids18(5, 100) }
  const answer = await api.call(PATH, { json: { id: 'http', org, object: 'Contact', source } })
  assert.equal(answer.status, 410)
  assert.equal(answer.json.code, 'ID_GONE')
  const { status, finishedAt, sameContent } = answer.json.gone
  assert.deepEqual([status, sameContent], ['completed', true])
  assert.match(answer.json.detail, new RegExp(`ended completed at ${finishedAt}`))
})

test('of a file is told apart by the bytes that were planned', async () => {
  const path = join(world.folder, 'ids.csv')
  const csv = ['Id', ...ids18(4, 200), ''].join('\n')
  await writeFile(path, csv)
  const submit = (source: object = {}) =>
    producer.submit({
      id: 'file',
      org,
      object: 'Contact',
      source: { type: 'file', path, ...source },
    })
  await submit()
  await receiptOf(world, 'file')
  await expire('file')
  await assert.rejects(submit(), { code: 'ID_GONE', sameContent: null })
  await assert.rejects(submit({ sha256: hash('sha256', csv) }), { sameContent: true })
  await assert.rejects(submit({ sha256: hash('sha256', '') }), { sameContent: false })
})

test('is neither run nor refused anew where it ended without deleting', async () => {
  await deleteIds(world, ids18(2, 300), { id: 'dry', dryRun: true })
  await expire('dry')
  await assert.rejects(submitIds(world, ids18(2, 300), { id: 'dry' }), { code: 'ID_GONE' })
})

test('by BullMQ is refused under another id, and nothing is run', async () => {
  await deleteIds(world, ids18(3, 400), { id: 'door' })
  await expire('door')
  const before = rowsReceived()
  const data = { org, object: 'Contact', source: { type: 'ids', ids: ids18(3, 400) } }
  const job = await (await store.queues()).requests.add('deletion-request', data, {
    jobId: 'r-door',
  })
  const { failedReason, returnvalue } = await endedJob((await store.queues()).requests, job.id)
  assert.match(failedReason, /^ID_GONE: .*It had the same content\./)
  assert.equal(await store.ledger.load('door'), null)
  const refused = await store.ledger.load(returnvalue.request)
  assert.equal(refused?.receipt?.error?.code, 'ID_GONE')
  assert.equal(rowsReceived(), before)
})
