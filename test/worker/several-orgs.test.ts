import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type FaultScript, type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import type { OrgConfig } from '../../src/shared/config/config.ts'
import { to18 } from '../../src/shared/contract/record-id.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { outcome } from '../helpers/deletion.ts'
import { CLOSED_PORT } from '../helpers/free-port.ts'
import { id15, ids18 } from '../helpers/ids.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** One worker for many orgs: the trouble of one is nobody else's. */

const REQUESTS = 3

/** Ways in which an org may be broken, each by its name. */
const BROKEN: Readonly<Record<string, readonly FaultScript[]>> = {
  'login refused': [
    {
      on: 'token',
      action: { do: 'answer', status: 400, body: 'oauth', errorCode: 'invalid_grant' },
    },
  ],
  hung: [{ on: 'create', action: { do: 'stall' } }],
  outage: [{ on: 'create', action: { do: 'answer', status: 503, body: 'html' } }],
  'slow results': [
    { on: 'job', action: { do: 'fail', code: 'Timeout' } },
    { on: 'successfulResults', action: { do: 'stall', when: 'during' } },
    { on: 'failedResults', action: { do: 'stall', when: 'during' } },
  ],
  'no connection': [],
}

interface ManyOrgs {
  readonly world: World
  readonly sandboxes: ReadonlyMap<string, Sandbox>
  readonly orgs: ReadonlyMap<string, OrgConfig>
}

const nameOf = (kind: string) => kind.replaceAll(' ', '-')
const broken = Object.keys(BROKEN)
const healthy = Array.from({ length: 15 }, (_, n) => `healthy-${n}`)

async function startOrgs(context: TestContext, kinds: readonly string[]): Promise<ManyOrgs> {
  const t = inReverse((close) => context.after(close))
  const redis = await startRedis(t, {})
  const world = await startWorld(t, { redis })
  const base = world.config.orgs.get(world.org)
  assert.ok(base?.credentials && 'loginUrl' in base.credentials)
  const { credentials } = base
  const started = kinds.map(async (kind, n) => {
    const name = nameOf(kind)
    const orgId = to18(id15(n + 1, '00D'))
    const sandbox = await startSandbox({ orgId, faults: BROKEN[kind] ?? [] })
    t.after(() => sandbox.close())
    const url = kind === 'no connection' ? `http://127.0.0.1:${CLOSED_PORT}` : sandbox.url
    const own = { ...credentials, loginUrl: url, clientSecret: sandbox.clientSecret }
    return [name, sandbox, { ...base, name, credentials: own }] as const
  })
  const all = await Promise.all(started)
  return {
    world,
    sandboxes: new Map(all.map(([name, sandbox]) => [name, sandbox])),
    orgs: new Map(all.map(([name, , org]) => [name, org])),
  }
}

describe('a worker of 20 orgs, 5 of which are broken', () => {
  test('finishes the work of the others meanwhile, without a call more', async (t) => {
    const { world, sandboxes, orgs } = await startOrgs(t, [...broken, ...healthy])
    const { producer } = world
    const worker = await world.startWorker({ orgs })
    assert.equal(await worker.ready(), null)
    const submit = async (org: string, n: number) => {
      const source = { type: 'ids', ids: ids18(5, 5 * n) } as const
      const { request } = await producer.submit({ org, object: 'Contact', source, coalesce: false })
      return { org, id: request.id }
    }
    const numbers = Array.from({ length: REQUESTS }, (_, n) => n)
    // The broken first, and more of them than a worker plans at once.
    const stuck = await Promise.all(
      broken.map(nameOf).flatMap((org) => [...numbers, 3, 4, 5].map((n) => submit(org, n))),
    )
    const wanted = await Promise.all(healthy.flatMap((org) => numbers.map((n) => submit(org, n))))

    for (const { org, id } of wanted) {
      const view = await poll(async () => {
        const now = await producer.inspect(id, { org })
        return now?.receipt ? now : null
      })
      assert.deepEqual(view.receipt?.outcome, outcome({ deleted: 5 }))
    }
    for (const org of healthy) {
      const { calls } = sandboxes.get(org)?.referee.stats() ?? assert.fail(org)
      const received = ['token', 'create', 'upload', 'close'].map((call) => calls[call]?.received)
      assert.deepEqual(received, [1, REQUESTS, REQUESTS, REQUESTS], org)
    }
    for (const { org, id } of stuck) {
      assert.equal((await producer.inspect(id, { org }))?.receipt, null, org)
    }

    const troubleOf = (org: string) =>
      poll(async () => {
        const trouble = worker.troubles.get(org)
        return trouble === 'not logged in yet' ? null : (trouble ?? assert.fail(org))
      })
    assert.match(await troubleOf('login-refused'), /invalid_grant/)
    assert.match(await troubleOf('no-connection'), /ECONNREFUSED/)
    assert.equal(worker.troubles.size, 2)
    const page = await world.metrics.registry.metrics()
    assert.match(page, /^expunge_worker_org_up\{org="login-refused"\} 0$/m)
    assert.match(page, /^expunge_worker_org_up\{org="healthy-14"\} 1$/m)
  })

  test('opens an org as soon as its login is accepted', async (t) => {
    const { world, sandboxes, orgs } = await startOrgs(t, ['login refused', 'healthy'])
    const worker = await world.startWorker({ orgs })
    await poll(async () => (worker.troubles.size === 1 && worker.orgs.size === 1 ? true : null))
    sandboxes.get('login-refused')?.faults.clear()
    await poll(async () => (worker.troubles.size === 0 && worker.orgs.size === 2 ? true : null))
  })

  test('opens five connections to Redis for each org, and one for all of them', async (t) => {
    const { world, orgs } = await startOrgs(t, healthy)
    const { redis } = world.config
    assert.ok(redis)
    const client = connectRedis(redis, 'fail-fast', () => {})
    t.after(() => client.disconnect())
    const count = async () =>
      String(await client.client('LIST'))
        .trim()
        .split('\n').length
    const before = await count()
    const worker = await world.startWorker({ orgs })
    await poll(async () => (worker.orgs.size === healthy.length ? true : null))
    const most = 1 + 5 * healthy.length
    await poll(async () => ((await count()) - before >= most - healthy.length ? true : null))
    assert.ok((await count()) - before <= most, `${(await count()) - before} connections`)
  })
})
