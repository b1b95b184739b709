import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { pino } from 'pino'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { to18 } from '../../src/shared/contract/record-id.ts'
import { IdentityError } from '../../src/shared/store/identity.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

const redis = await startRedis({ after })

/** Settings that lead this world's org to another Salesforce org. */
function orgsOf(world: World, change: Record<string, unknown>): Pick<World['config'], 'orgs'> {
  const org = world.config.orgs.get(world.org)
  assert.ok(org)
  return { orgs: new Map([[world.org, { ...org, ...change }]]) }
}

describe('a worker that starts', { concurrency: true }, () => {
  test('under an org name that belongs to another Salesforce org touches nothing', async (t) => {
    const world = await startWorld(t, { redis })
    await (await world.startWorker()).stop()
    const other = await startSandbox({ orgId: to18('00D5f0000000002') })
    t.after(() => other.close())
    const credentials = world.config.orgs.get(world.org)?.credentials
    assert.ok(credentials !== null && credentials !== undefined && 'loginUrl' in credentials)
    const elsewhere = { credentials: { ...credentials, loginUrl: new URL(other.url) } }
    await assert.rejects(world.startWorker(orgsOf(world, elsewhere)), (error) => {
      assert.ok(error instanceof IdentityError)
      assert.equal(error.code, 'OTHER_ORG')
      assert.match(error.message, new RegExp(world.sandbox.orgId))
      assert.match(error.message, new RegExp(other.orgId))
      return true
    })
    assert.equal(await world.store.ledger.orgId(), world.sandbox.orgId)
  })

  test('with another results directory is refused, and both stores are named', async (t) => {
    const world = await startWorld(t, { redis })
    await (await world.startWorker()).stop()
    const path = join(world.folder, 'elsewhere')
    const results = { kind: 'directory', path } as const
    await assert.rejects(world.startWorker({ results }), (error) => {
      assert.ok(error instanceof IdentityError)
      assert.equal(error.code, 'OTHER_RESULTS_STORE')
      assert.ok(error.message.includes(path))
      assert.ok(error.message.includes(`keeps its results in ${world.config.results.path}, store `))
      return true
    })
  })

  test('of whose orgs one cannot be worked for starts for the others', async (t) => {
    const world = await startWorld(t, { redis })
    const org = world.config.orgs.get(world.org)
    assert.ok(org)
    const wrong = { ...org, name: `${world.org}-b`, expectedOrgId: to18('00D5f0000000009') }
    const orgs = new Map([
      [org.name, org],
      [wrong.name, wrong],
    ])
    const worker = await world.startWorker({ orgs })
    const troubleOf = (name: string) => {
      const trouble = worker.troubles.get(name) ?? ''
      return trouble === 'not logged in yet' ? null : trouble
    }
    assert.equal(await worker.ready(), null)
    assert.deepEqual([...worker.orgs.keys()], [org.name])
    assert.match(await poll(async () => troubleOf(wrong.name)), /00D5f0000000009/)
  })

  test('for orgs of which none can be worked for does not start', async (t) => {
    const world = await startWorld(t, { redis })
    const org = world.config.orgs.get(world.org)
    assert.ok(org)
    const names = [world.org, `${world.org}-b`]
    const expectedOrgId = to18('00D5f0000000009')
    const orgs = new Map(names.map((name) => [name, { ...org, name, expectedOrgId }]))
    await assert.rejects(world.startWorker({ orgs }), { code: 'WRONG_ORG' })
    assert.equal(await (await world.store.queues())['ingest-jobs'].getWorkersCount(), 0)
  })

  test('waits for an org that cannot be reached yet, and stops waiting when told', async (t) => {
    const world = await startWorld(t, { redis })
    world.sandbox.faults.add({ on: 'token', action: { do: 'answer', status: 503 } })
    const stopping = new AbortController()
    const starting = world.startWorker({}, { signal: stopping.signal })
    await world.sandbox.referee.until(({ calls }) => (calls['token']?.received ?? 0) > 1)
    stopping.abort(new Error('told to stop'))
    await assert.rejects(starting, /told to stop/)
  })

  test('does not wait for Redis once it is told to stop', async (t) => {
    const own = await startRedis(t, {})
    const world = await startWorld(t, { redis: own })
    await own.kill()
    const stopping = new AbortController()
    const starting = world.startWorker({}, { signal: stopping.signal })
    stopping.abort(new Error('told to stop'))
    await assert.rejects(starting, /told to stop/)
  })

  test('with other shared settings sets them for all, and says so', async (t) => {
    const lines: Record<string, unknown>[] = []
    const log = pino({ level: 'warn' }, { write: (line) => lines.push(JSON.parse(line)) })
    const world = await startWorld(t, { redis, log })
    await world.startWorker()
    const said = () => lines.filter(({ setting }) => setting !== undefined)
    assert.deepEqual(said(), [])
    await world.startWorker(orgsOf(world, { maxInFlight: 3 }))
    const [line, ...others] = said()
    assert.deepEqual(others, [])
    assert.deepEqual([line?.['setting'], line?.['before'], line?.['now']], ['maxInFlight', 10, 3])
    assert.equal(await (await world.store.queues())['ingest-jobs'].getGlobalConcurrency(), 3)
  })
})
