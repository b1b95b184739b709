import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { createSecret } from '../../src/producer/http/key-secret.ts'
import type { Waiting } from '../../src/producer/producer.ts'
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
    return view?.waiting.length ? view.waiting : null
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
  const env = { REDIS_URL: redis.url }
  for (const columns of [80, 120]) {
    const terminal = { env, onTerminal: true, columns }
    const { stdout } = await beginHere(['status', 'small', '--org', org], terminal).ended
    assert.match(
      stripVTControlCharacters(stdout).replaceAll(/\s+/g, ' '),
      /Waiting All ingest job slots are in use: 1 of 1 \(1 by purge\)\. 1 ingest job is ahead of it\. /,
    )
    const list = await beginHere(['list', '--org', org], terminal).ended
    assert.match(
      stripVTControlCharacters(list.stdout),
      /small +deleting(, 0 % of 3| 0 %), 1 ahead /,
    )
  }
  await producer.cancel('purge', { org })
  assert.equal((await receiptOf(world, 'small')).status, 'completed')
})
