import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  ConflictError,
  NotRetryableError,
  UnknownRequestError,
} from '../../src/producer/producer.ts'
import { InvalidRequestError } from '../../src/shared/contract/request-problems.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, outcome, receiptOf } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

/** `producer.retry` alone: the command line and the HTTP API find the rows, the caller brings them here. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis, clock: leapingClock() })
const { producer, sandbox, org } = world
await world.startWorker()

const ids = ids18(10)
const failing = ids.slice(0, 4)
const rowsOf = (some: readonly string[]) =>
  (async function* () {
    yield Buffer.from(
      `Id,Code,Message\n${some.map((id) => `${id},DELETE_FAILED,it is needed\n`).join('')}`,
    )
  })()

sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: failing }] })
const deadline = new Date(Date.now() + 3_600_000).toISOString()
const first = await deleteIds(world, ids, {
  ...{ id: 'Purge', reason: 'Art. 17', priority: 'high', deadline, expectCount: 10 },
  labels: { ticket: '4711' },
})
assert.deepEqual(first.outcome, outcome({ deleted: 6, failed: 4 }))

test('rows of an ended request become a new one, with its terms and its name', async () => {
  const { request, created } = await producer.retry('purge', rowsOf(failing), { org })
  assert.deepEqual([request.id, created], ['Purge-retry-1', true])
  const { object, priority, reason, labels, retryOf, deadline, expectCount } = request.request
  assert.deepEqual(
    { object, priority, reason, labels, retryOf, deadline, expectCount },
    {
      ...{ object: 'Contact', priority: 'high', reason: 'Art. 17', retryOf: 'Purge' },
      ...{ labels: { ticket: '4711' }, deadline: null, expectCount: null },
    },
  )
  const receipt = await receiptOf(world, 'Purge-retry-1')
  assert.deepEqual([receipt.plan?.read, receipt.outcome], [4, outcome({ failed: 4 })])
})

test('the same rows again are the same request, and others need another id', async () => {
  const again = await producer.retry('Purge', rowsOf(failing), { org })
  assert.deepEqual([again.request.id, again.created], ['Purge-retry-1', false])
  const fewer = failing.slice(1)
  await assert.rejects(producer.retry('Purge', rowsOf(fewer), { org }), ConflictError)
  const own = { org, as: 'second-try', reason: 'unlocked' }
  const { request } = await producer.retry('Purge', rowsOf(fewer), own)
  assert.deepEqual([request.id, request.request.reason], ['second-try', 'unlocked'])
  assert.equal((await receiptOf(world, 'second-try')).plan?.read, 3)
})

test('a retry of a retry counts on, and ends well once the rows can be deleted', async (t) => {
  t.after(() => sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: failing }] }))
  sandbox.setRows({ rules: [] })
  const { request } = await producer.retry('Purge-retry-1', rowsOf(failing), { org })
  assert.deepEqual([request.id, request.request.retryOf], ['Purge-retry-2', 'Purge-retry-1'])
  const receipt = await receiptOf(world, request.id)
  assert.deepEqual([receipt.status, receipt.outcome], ['completed', outcome({ deleted: 4 })])
})

test('what has deleted nothing, is unknown or gets a wrong id is not retried', async () => {
  const rows = () => rowsOf(failing)
  await deleteIds(world, ids18(2, 500), { id: 'looked', dryRun: true })
  for (const [id, as, error] of [
    ['looked', undefined, NotRetryableError],
    ['nothing', undefined, UnknownRequestError],
    ['Purge', '../elsewhere', InvalidRequestError],
  ] as const) {
    await assert.rejects(producer.retry(id, rows(), { org, as }), error)
  }
  assert.equal(await producer.inspect('looked-retry-1', { org }), null)
})
