import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadConfig, railsOf } from '../../src/shared/config/config.ts'
import type { GuardRails } from '../../src/shared/contract/guard-rails.ts'
import { type OrgStore, openOrgStore } from '../../src/shared/store/org-store.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, place } from './spawn.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

/** An org of the fleet, as its workers have left it. */
async function fleet(
  t: { after(fn: () => Promise<void>): void },
  org: string,
  change: Partial<GuardRails>,
): Promise<OrgStore> {
  const connection = connectRedis({ kind: 'url', url: env.REDIS_URL }, 'wait', () => {})
  const store = openOrgStore(connection, org, () => {})
  t.after(async () => {
    await store.close()
    connection.disconnect()
  })
  const config = await loadConfig(env, { redis: 'required', salesforce: 'none' })
  const own = config.orgs.get('default')
  assert.ok(own)
  await store.ledger.changeRails({ from: null, to: { ...railsOf(config, own), ...change } })
  return store
}

/** A configuration file with one org, which both the command and a run understand. */
async function configFor(folder: string, env: Readonly<Record<string, string>>, org: string) {
  const path = join(folder, 'expunge.yaml')
  const { SALESFORCE_LOGIN_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET } = env
  await writeFile(
    path,
    `orgs:\n  ${org}:\n    salesforce:\n      loginUrl: ${SALESFORCE_LOGIN_URL}\n` +
      `      clientId: ${SALESFORCE_CLIENT_ID}\n      clientSecret: ${SALESFORCE_CLIENT_SECRET}\n`,
    { mode: 0o600 },
  )
  const none = { SALESFORCE_LOGIN_URL: '', SALESFORCE_CLIENT_ID: '', SALESFORCE_CLIENT_SECRET: '' }
  return { ...none, REDIS_URL: redis?.url ?? '', EXPUNGE_CONFIG: path }
}

test('the guard rails of an org are shown beside the configuration, and set to it only when asked', {
  skip,
}, async (t) => {
  const { expunge, folder, env: user } = await place(t)
  const own = await configFor(folder, user, 'emea')
  const store = await fleet(t, 'emea', { maxRecords: 100, approvalAbove: 10 })
  const shown = await expunge(['policy', '--org', 'emea'], { env: own })
  assert.equal(shown.code, 0, shown.stderr)
  assert.match(shown.stdout, /maxRecords +100 +1000000/)
  assert.match(shown.stdout, /approvalAbove +10 +none/)
  assert.match(shown.stderr, /expunge policy --apply --org emea/)

  const doctor = await expunge(['doctor', '--json'], { env: own })
  const findings = JSON.parse(doctor.stdout).filter(
    ({ check }: { check: string }) => check === 'Guard rails',
  )
  assert.deepEqual(
    findings.map(({ verdict, found }: { verdict: string; found: string }) => [verdict, found]),
    [
      ['warn', 'maxRecords is 100 in Redis, here 1000000'],
      ['warn', 'approvalAbove is 10 in Redis, here none'],
    ],
  )

  const unasked = await expunge(['policy', '--org', 'emea', '--apply'], { env: own })
  assert.equal(unasked.code, 2)
  assert.match(unasked.stderr, /Add --yes to apply without confirmation/)
  assert.equal((await store.ledger.rails())?.rails.maxRecords, 100)

  const applied = await expunge(
    ['policy', '--org', 'emea', '--apply', '--yes', '--reason', 'ticket 7'],
    { env: own },
  )
  assert.equal(applied.code, 0, applied.stderr)
  const now = await store.ledger.rails()
  assert.deepEqual([now?.rails.maxRecords, now?.rails.approvalAbove], [1_000_000, null])
  assert.match(now?.setBy?.actor ?? '', /.@./)
  assert.equal(now?.setBy?.reason, 'ticket 7')
  const again = await expunge(['policy', '--org', 'emea', '--apply', '--yes'], { env: own })
  assert.match(again.stderr, /already match this configuration/)
})

test('a run on a fleet’s Redis is held to the org’s guard rails, and changes none of its settings', {
  skip,
}, async (t) => {
  const { expunge, folder, env: user, sandbox } = await place(t)
  const own = await configFor(folder, user, 'apac')
  const store = await fleet(t, 'apac', { maxRecords: 10, approvalAbove: 2, fileRoots: [] })
  await store.redis.hset(store.ledger.keys.settings, {
    ...{ maxInFlight: 3, urgentInFlight: 1, lockMs: 10_000, stalledMs: 5000 },
    ...{ reservedCalls: 20, reservedBatches: 10 },
  })
  await (await store.queues())['ingest-jobs'].setGlobalConcurrency(3)
  await (await store.queues())['ingest-jobs-urgent'].setGlobalConcurrency(1)
  const settings = await store.redis.hgetall(store.ledger.keys.settings)
  const run = (...args: string[]) =>
    expunge(['run', '--org', 'apac', '--object', 'Contact', '--yes', '--json', ...args], {
      env: own,
    })

  const many = await run('--ids', contactIds(11).join())
  assert.equal(many.code, 3, many.stderr)
  assert.equal(JSON.parse(many.stdout).error.code, 'TOO_MANY_RECORDS')
  const raised = await run('--ids', contactIds(11).join(), '--max-records', '20')
  assert.equal(raised.code, 0, raised.stderr)

  const path = join(folder, 'ids.csv')
  await writeFile(path, `Id\n${contactIds(3).join('\n')}\n`)
  const outside = await run('--source', JSON.stringify({ type: 'file', path }))
  assert.equal(outside.code, 3, outside.stderr)
  assert.equal(JSON.parse(outside.stdout).error.code, 'SOURCE_NOT_ALLOWED')
  assert.equal((await run('--csv', path)).code, 0)

  assert.deepEqual(await store.redis.hgetall(store.ledger.keys.settings), settings)
  assert.equal(await (await store.queues())['ingest-jobs'].getGlobalConcurrency(), 3)
  assert.equal(sandbox.referee.stats().jobs.length, 2)
})

test('a run on its own server follows its configuration, each time anew', { skip }, async (t) => {
  const { expunge, folder } = await place(t)
  const path = join(folder, 'ids.csv')
  await writeFile(path, `Id\n${contactIds(3).join('\n')}\n`)
  const run = (limit: string, ...args: string[]) =>
    expunge(['run', '--object', 'Contact', '--yes', '--csv', path, ...args], {
      env: { EXPUNGE_MAX_RECORDS: limit },
    })
  assert.equal((await run('2')).code, 3)
  assert.equal((await run('3')).code, 0)
  assert.equal((await run('2', '--max-records', '3')).code, 0)
  assert.equal((await run('2')).code, 3)
})
