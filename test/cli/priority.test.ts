import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'
import { beginHere } from './run-here.ts'

const redis = await startRedis({ after })

test('priority changes that of a request and tells what it was; bad input changes nothing', async (t) => {
  const world = await startWorld(t, { redis })
  const { org, producer } = world
  const id = await submitIds(world, ids18(3))
  const expunge = (...args: string[]) =>
    beginHere(['priority', ...args, '--org', org], { env: { REDIS_URL: redis.url } }).ended
  const changed = await expunge(id, 'high', '--json', '--reason', 'Legal deadline.')
  assert.equal(changed.code, 0, changed.stderr)
  assert.equal(JSON.parse(changed.stdout).request.priority, 'high')
  assert.match(changed.stderr, /now has the priority high instead of normal/)
  assert.match((await expunge(id, 'HIGH')).stderr, /already has the priority high/)
  const { prioritizedBy } = (await producer.inspect(id, { org })) ?? assert.fail()
  assert.match(prioritizedBy?.actor ?? '', /@/)
  assert.equal(prioritizedBy?.reason, 'Legal deadline.')
  const status = await beginHere(['status', id, '--org', org], { env: { REDIS_URL: redis.url } })
    .ended
  assert.match(status.stdout, /Priority +high since \S+ by \S+@\S+: Legal deadline\./)
  for (const [args, expected] of [
    [[id, 'urgent'], /Unknown priority "urgent": expected high, normal or low/],
    [[id], /missing required argument 'priority'/],
    [['none', 'low'], /No request none/],
  ] as const) {
    const { code, stderr } = await expunge(...args)
    assert.equal(code, 2)
    assert.match(stderr, expected)
  }
  assert.equal((await producer.inspect(id, { org }))?.request.priority, 'high')
})
