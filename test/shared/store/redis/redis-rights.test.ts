import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { createProducer } from '../../../../src/producer/producer.ts'
import { connectRedis, RedisUnusableError } from '../../../../src/shared/store/redis/redis.ts'
import { missingRights, neededRules } from '../../../../src/shared/store/redis/rights.ts'
import { runHere } from '../../../cli/run-here.ts'
import { deleteIds, statusReached, submitIds } from '../../../helpers/deletion.ts'
import { ids18 } from '../../../helpers/ids.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { inReverse } from '../../../helpers/scope.ts'
import { startWorld } from '../../../helpers/world.ts'
import { startApi } from '../../../producer/http/api.ts'

const scope = inReverse(after)
const server = await startRedis(scope, {})
const admin = connectRedis({ kind: 'url', url: server.url }, 'wait', () => {})
after(() => admin.disconnect())

const urlFor = (user: string) => server.url.replace('redis://', `redis://${user}:secret@`)

/** A user with these rights alone. */
async function setUser(user: string, rules: readonly string[]): Promise<string> {
  const bare = ['on', '>secret', 'resetkeys', 'resetchannels', 'nocommands']
  await admin.call('ACL', 'SETUSER', user, 'reset', ...bare, ...rules)
  return urlFor(user)
}

const PAGE = await readFile(new URL('../../../../docs/deployment.md', import.meta.url), 'utf8')
const DOCUMENTED = (/nocommands \\\n(.*?)\n```/s.exec(PAGE)?.[1] ?? '')
  .split(/[\s\\]+/)
  .filter((rule) => rule !== '')
  .map((rule) => rule.replaceAll("'", ''))

test('the page on deployment lists every right that is asked for, and no other', () => {
  assert.deepEqual(DOCUMENTED.toSorted(), neededRules().toSorted())
})

test('worker, service and command line work as a user with these rights, and are denied nothing', async (t) => {
  const url = await setUser('expunge', DOCUMENTED)
  await admin.call('ACL', 'LOG', 'RESET')
  const inner = inReverse((end) => t.after(end))
  const world = await startWorld(inner, { redis: { ...server, url }, name: 'default' })
  const worker = await world.startWorker()
  const api = await startApi(inner, world, { redis: { ...server, url } })
  const receipt = await deleteIds(world, ids18(20))
  assert.equal(receipt.status, 'completed')

  const json = { object: 'Contact', source: { type: 'ids', ids: ids18(3, 100) } }
  const submitted = await api.call('/v1/deletion-requests', { method: 'POST', json })
  assert.equal(submitted.status, 202, submitted.text)
  await statusReached(world, submitted.json.id, 'completed')
  assert.equal((await api.call('/v1/deletion-requests')).status, 200)

  const env = { REDIS_URL: url, EXPUNGE_RESULTS: world.results }
  const id = await submitIds(world, ids18(5, 200), { approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  for (const args of [
    ['list'],
    ['status', id],
    ['approve', id, '--yes'],
    ['cancel', submitted.json.id],
    ['pause', '--yes'],
    ['resume'],
    ['policy'],
  ]) {
    const { stderr } = await runHere(args, { env })
    assert.doesNotMatch(stderr, /NOPERM|defect/, args.join(' '))
  }
  await statusReached(world, id, 'completed')
  await worker.stop()
  assert.deepEqual(await admin.call('ACL', 'LOG'), [])
})

test('each right that is missing is named as the rule to add', async (t) => {
  const ofOneServer = DOCUMENTED.filter((rule) => !/cluster|asking|readonly/.test(rule))
  for (const rule of ofOneServer) {
    const url = await setUser(
      'lacking',
      DOCUMENTED.filter((other) => other !== rule),
    )
    const redis = connectRedis({ kind: 'url', url }, 'fail-fast', () => {})
    t.after(() => redis.disconnect())
    assert.deepEqual(await missingRights(redis), [rule])
    redis.disconnect()
  }
  assert.deepEqual(await admin.keys('{expunge-0}*'), [])
})

test('a start without one of them ends before anything is written', async () => {
  const url = await setUser(
    'unable',
    DOCUMENTED.filter((rule) => rule !== '+evalsha' && rule !== '+hset'),
  )
  const before = await admin.dbsize()
  await assert.rejects(createProducer({ redis: url }), (error) => {
    assert.ok(error instanceof RedisUnusableError, String(error))
    assert.match(error.message, /ACL SETUSER with: \+evalsha \+hset\. docs\/deployment\.md/)
    return true
  })
  assert.equal(await admin.dbsize(), before)
})
