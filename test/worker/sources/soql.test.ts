import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultScript, SandboxOptions } from '../../../src/sandbox/sandbox.ts'
import { LaterError, ShutdownError } from '../../../src/shared/base/context.ts'
import { connectSalesforce } from '../../../src/shared/salesforce/client.ts'
import type { PlannerDeps } from '../../../src/worker/plan/planner.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { outcome, receiptOf, statusReached } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { context, planByHand, plannerDeps, planningOrg } from '../../helpers/planning.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld, type World } from '../../helpers/world.ts'

/** Requests whose ids a query of the org finds. */

const redis = await startRedis({ after })
/** 30 of 3,000 records, in three pages. */
const QUERY = 'SELECT Id FROM Lead WHERE LastActivityDate < LAST_N_DAYS:989'
const ORG: SandboxOptions = { records: 3000, queryPageRows: 12 }
const FOUND = [990, 1990, 2990].flatMap((n) => ids18(10, n, '00Q'))

async function setup(t: TestContext, faults: readonly FaultScript[] = [], sandbox = ORG) {
  const clock = leapingClock()
  const world = await startWorld(t, { redis, clock, sandbox: { ...sandbox, faults } })
  const { org, producer } = world
  const submit = async (fields: object = {}, query = QUERY) => {
    const source = { type: 'soql', query } as const
    const request = { org, object: 'Lead', ...fields, source }
    return (await producer.submit(request)).request.id
  }
  const queryJobs = () =>
    world.sandbox.referee
      .stats()
      .queryJobs.map(({ state, gone }) => `${state}${gone ? ' gone' : ''}`)
  return { world, submit, queryJobs }
}

function assertDeleted({ sandbox }: World): void {
  const { rowsDeleted, violationCounts } = sandbox.referee.stats()
  assert.deepEqual([rowsDeleted, violationCounts], [FOUND.length, {}])
  for (const id of FOUND) assert.deepEqual(sandbox.referee.verdictsOf(id), ['DELETED'])
}

test('what a rule finds is deleted, and the plan says which share of the object that is', async (t) => {
  const { world, submit, queryJobs } = await setup(t)
  await world.startWorker()
  const id = await submit({ approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  const view = await world.producer.inspect(id, { org: world.org })
  assert.deepEqual([view?.plan?.accepted, view?.objectRecords], [30, 3000])
  assert.deepEqual(queryJobs(), ['JobComplete gone'])
  await world.producer.approve(id, { org: world.org, by: 'somebody' })
  const receipt = await receiptOf(world, id)
  assert.deepEqual([receipt.status, receipt.outcome], ['completed', outcome({ deleted: 30 })])
  assertDeleted(world)
  const metrics = await world.metrics.registry.metrics()
  assert.match(metrics, /salesforce_requests_total\{.*operation="queryResults",status="200"\} 3\n/)
})

test('a rule that finds nothing is completed with nothing to do', async (t) => {
  const { world, submit, queryJobs } = await setup(t)
  await world.startWorker()
  const receipt = await receiptOf(world, await submit({}, `${QUERY} AND IsDeleted = true`))
  assert.deepEqual([receipt.status, receipt.plan?.read, receipt.error], ['completed', 0, null])
  assert.deepEqual(queryJobs(), ['JobComplete gone'])
})

test('one id with another query is another request', async (t) => {
  const { world, submit } = await setup(t)
  await submit({ id: 'purge' })
  assert.equal(await submit({ id: 'purge' }), 'purge')
  const differences = ['source.query']
  await assert.rejects(submit({ id: 'purge' }, `${QUERY} LIMIT 1`), {
    code: 'ID_TAKEN',
    differences,
  })
  assert.equal(world.sandbox.referee.stats().queryJobs.length, 0)
})

describe('trouble that passes costs nothing but time', { concurrency: true }, () => {
  const busy = { do: 'answer', status: 503, errorCode: 'SERVER_UNAVAILABLE' } as const
  const cases: Readonly<Record<string, FaultScript>> = {
    'the org is away when the query is sent': { on: 'queryCreate', times: 9, action: busy },
    'the org is away while the query runs': { on: 'queryGet', times: 9, action: busy },
    'the org is away between pages': { on: 'queryResults', nth: range(2, 20), action: busy },
    'the session expires between pages': {
      ...{ on: 'queryResults', nth: 2, action: { do: 'expireTokens' } },
    },
    'a page breaks off': {
      ...{ on: 'queryResults', nth: 2, action: { do: 'reset', when: 'during', afterBytes: 70 } },
    },
    'a page ends early': {
      ...{ on: 'queryResults', nth: 2, action: { do: 'truncate', afterRows: 3 } },
    },
    'a page is refused once': {
      on: 'queryResults',
      nth: 2,
      action: { do: 'answer', status: 400, errorCode: 'INVALID_QUERY_LOCATOR' },
    },
    'the job vanishes': { on: 'queryJob', times: 1, action: { do: 'vanish' } },
  }
  for (const [name, fault] of Object.entries(cases)) {
    test(name, async (t) => {
      const { world, submit, queryJobs } = await setup(t, [fault])
      await world.startWorker()
      const { status, plan } = await receiptOf(world, await submit())
      assert.deepEqual([status, plan?.read, plan?.accepted], ['completed', 30, 30])
      assertDeleted(world)
      assert.equal(queryJobs().at(-1), 'JobComplete gone')
      assert.equal((await world.store.ledger.pauseState()).fault, null)
    })
  }
})

describe('what does not pass ends the request, and deletes nothing', { concurrency: true }, () => {
  const wrong = { do: 'answer', status: 400, errorCode: 'INVALID_QUERY_LOCATOR' } as const
  const failing = { do: 'fail', code: 'Unknown', message: 'Retried more than 15 times' } as const
  const lie = { do: 'lie', set: { object: 'Contact' } } as const
  const cases: Readonly<Record<string, { fault?: FaultScript; query?: string; error: RegExp }>> = {
    'a field that the object lacks': {
      query: 'SELECT Id FROM Lead WHERE Colour = 1',
      error: /^SOURCE_QUERY_FAILED: .*INVALID_FIELD: row 1, column 27 of the query: No such column/,
    },
    'a query that Salesforce cannot read': {
      query: 'SELECT Id FROM Lead\nWHERE CreatedDate <',
      error:
        /^SOURCE_QUERY_FAILED: .*MALFORMED_QUERY: row 2, column 20 .*'<EOF>'.*Correct the query/,
    },
    'a page that always ends early': {
      fault: { on: 'queryResults', action: { do: 'truncate', afterRows: 3 } },
      error: /^SOURCE_TRUNCATED: .*expected 12 rows, got 3/,
    },
    'a locator that has expired': {
      fault: { on: 'queryResults', nth: range(2, 20), action: wrong },
      error: /^SOURCE_NOT_READABLE: .*INVALID_QUERY_LOCATOR/,
    },
    'a job that fails': {
      fault: { on: 'queryJob', action: failing },
      error:
        /^SOURCE_NOT_READABLE: .*ended Failed\. .*Retried more than 15 times.*Narrow the query/,
    },
    'an answer about another object': {
      fault: { on: 'queryGet', action: lie },
      error: /^SOURCE_NOT_READABLE: .*answered about 750\w+, query of Contact/,
    },
  }
  for (const [name, { fault, query, error }] of Object.entries(cases)) {
    test(name, async (t) => {
      const { world, submit, queryJobs } = await setup(t, fault === undefined ? [] : [fault])
      await world.startWorker()
      const receipt = await receiptOf(world, await submit({}, query))
      assert.equal(receipt.status, 'failed')
      const { code, message = '' } = receipt.error ?? {}
      assert.match(`${code}: ${message}`, error)
      assert.match(message, /Nothing was deleted\./)
      assert.equal(world.sandbox.referee.stats().jobs.length, 0)
      assert.ok(queryJobs().every((job) => job.endsWith(' gone')))
    })
  }

  test('a job that somebody else aborts', async (t) => {
    const hold: FaultScript = { on: 'queryJob', action: { do: 'hold' } }
    const { world, submit, queryJobs } = await setup(t, [hold])
    await world.startWorker()
    const id = await submit()
    await world.sandbox.referee.until(({ queryJobs }) => queryJobs[0]?.state === 'InProgress')
    const salesforce = connect(t, world)
    await salesforce.query.abort(world.sandbox.referee.stats().queryJobs[0]?.id ?? '')
    const { status, error } = await receiptOf(world, id)
    assert.equal(status, 'failed')
    assert.match(error?.message ?? '', /ended Aborted\. Somebody else aborted it\./)
    assert.deepEqual(queryJobs(), ['Aborted gone'])
  })

  test('a plan with too many records', async (t) => {
    const { world, submit, queryJobs } = await setup(t)
    await world.startWorker()
    const { status, error } = await receiptOf(world, await submit({ maxRecords: 20 }))
    assert.deepEqual([status, error?.code], ['refused', 'TOO_MANY_RECORDS'])
    assert.deepEqual(queryJobs(), ['JobComplete gone'])
  })
})

test('a cancelled request aborts and deletes its running query job', async (t) => {
  const hold: FaultScript = { on: 'queryJob', action: { do: 'hold' } }
  const { world, submit, queryJobs } = await setup(t, [hold])
  await world.startWorker()
  const id = await submit()
  await world.sandbox.referee.until(({ queryJobs }) => queryJobs[0]?.state === 'InProgress')
  await world.producer.cancel(id, { org: world.org })
  assert.equal((await receiptOf(world, id)).status, 'cancelled')
  await world.sandbox.referee.until(({ queryJobs }) => queryJobs[0]?.gone === true)
  assert.deepEqual(queryJobs(), ['Aborted gone'])
})

test('while an operator pauses the org, no query is sent, and a request can be cancelled', async (t) => {
  const { world, submit, queryJobs } = await setup(t)
  await world.store.ledger.pause(false)
  await world.startWorker()
  const [first, second] = [await submit(), await submit()]
  await statusReached(world, first, 'planning')
  await statusReached(world, second, 'planning')
  await delay(100)
  assert.deepEqual(queryJobs(), [])
  await world.producer.cancel(first, { org: world.org })
  assert.equal((await receiptOf(world, first)).status, 'cancelled')
  await world.store.ledger.resume()
  assert.equal((await receiptOf(world, second)).status, 'completed')
  assertDeleted(world)
})

describe('a plan that ends before its query', () => {
  test('is gone on with by the next attempt, with the same job and all of its pages', async (t) => {
    const { world, submit, queryJobs } = await setup(t)
    const id = await submit()
    const stop = new AbortController()
    const stopped = new ShutdownError('The worker stops.')
    const deps = await depsFor(t, world)
    world.sandbox.faults.add({ on: 'queryResults', nth: 2, action: { do: 'stall' } })
    const planned = planByHand(world, id, deps, context({ signal: stop.signal }))
    await world.sandbox.referee.until(({ calls }) => calls['queryResults']?.received === 2)
    stop.abort(stopped)
    await assert.rejects(planned, stopped)
    assert.deepEqual(queryJobs(), ['JobComplete'])

    await planByHand(world, id, deps)
    assert.equal((await world.store.ledger.load(id))?.plan?.read, 30)
    assert.deepEqual(queryJobs(), ['JobComplete gone'])
  })

  test('runs the query again by another job if its job is gone', async (t) => {
    const { world, submit, queryJobs } = await setup(t)
    const id = await submit()
    const deps = await depsFor(t, world)
    const gone = { do: 'answer', status: 404, errorCode: 'NOT_FOUND' } as const
    world.sandbox.faults.add({ on: 'queryResults', nth: 2, action: gone })
    await assert.rejects(planByHand(world, id, deps), LaterError)
    await planByHand(world, id, deps)
    assert.equal((await world.store.ledger.load(id))?.plan?.read, 30)
    assert.deepEqual(queryJobs(), ['JobComplete gone', 'JobComplete gone'])
  })

  test('waits without pausing the org while its query jobs of the day are used up', async (t) => {
    const used = { do: 'answer', status: 400, errorCode: 'LIMIT_EXCEEDED' } as const
    const { world, submit } = await setup(t, [{ on: 'queryCreate', times: 1, action: used }])
    const id = await submit()
    const deps = await depsFor(t, world)
    await assert.rejects(planByHand(world, id, deps), LaterError)
    assert.equal((await world.store.ledger.pauseState()).fault, null)
    await planByHand(world, id, deps)
    assert.equal((await world.store.ledger.load(id))?.plan?.read, 30)
  })
})

function connect(t: TestContext, { config, org }: World) {
  const own = config.orgs.get(org)
  assert.ok(own)
  const salesforce = connectSalesforce(own, config)
  t.after(() => salesforce.close())
  return salesforce
}

async function depsFor(t: TestContext, world: World): Promise<PlannerDeps> {
  return { ...(await plannerDeps(world)), salesforce: planningOrg(world, connect(t, world)) }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n)
}
