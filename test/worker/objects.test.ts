import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { UnknownObjectError, UnusableObjectError } from '../../src/producer/producer.ts'
import type { SandboxOptions } from '../../src/sandbox/sandbox.ts'
import { LaterError } from '../../src/shared/base/context.ts'
import { createSalesforce } from '../../src/shared/salesforce/client.ts'
import { withPrefix } from '../../src/worker/plan/object.ts'
import { outcome, receiptOf } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })

const INVOICE = { name: 'Invoice__c', prefix: 'a01' }
const ORDER = { name: 'Order__c', prefix: 'a02' }

/** A world whose configuration allows these objects, beside Contact, with a worker. */
async function setup(
  t: TestContext,
  allowed: Readonly<Record<string, string>>,
  sandbox: SandboxOptions = { objects: [INVOICE, ORDER] },
) {
  const world = await startWorld(t, { redis, sandbox })
  const all = Object.entries({ Contact: '003', ...allowed })
  const objects = new Map(all.map(([name, prefix]) => [name, { name, prefix }]))
  await world.startWorker({ objects })
  const { org, producer } = world
  const submit = async (object: string, ids: readonly string[]) =>
    (await producer.submit({ org, object, source: { type: 'ids', ids } })).request.id
  const described = () => world.sandbox.referee.stats().calls['describe']?.received ?? 0
  return { world, submit, described }
}

describe('an object without a prefix in the configuration', () => {
  test('has that of the org, which is asked once', async (t) => {
    const { world, submit, described } = await setup(t, { Invoice__c: '' })
    for (const from of [0, 10]) {
      const receipt = await receiptOf(world, await submit('invoice__C', ids18(10, from, 'a01')))
      assert.deepEqual([receipt.status, receipt.object], ['completed', 'Invoice__c'])
      assert.deepEqual(receipt.outcome, outcome({ deleted: 10 }))
    }
    assert.equal(described(), 1)
  })

  test('is named where its ids are among those of another, and the other where it is', async (t) => {
    const { world, submit } = await setup(t, { Invoice__c: '' })
    const other = await receiptOf(world, await submit('Invoice__c', ids18(1)))
    assert.match(
      other.error?.message ?? '',
      /expected the key prefix a01 \(Invoice__c\), got 003 \(Contact\)/,
    )
    const invoice = await receiptOf(world, await submit('Contact', ids18(1, 0, 'a01')))
    assert.match(
      invoice.error?.message ?? '',
      /expected the key prefix 003 \(Contact\), got a01 \(Invoice__c\)/,
    )
  })

  test('is not planned while the org cannot be asked', async (t) => {
    const world = await startWorld(t, { redis })
    const asking = { store: world.store, salesforce: null }
    const ctx = { signal: t.signal }
    const object = { name: 'Invoice__c', prefix: '' }
    await assert.rejects(withPrefix(object, asking, ctx), LaterError)
    const salesforce = createSalesforce({
      ...{ apiVersion: '61.0', proxyEnv: {}, timeouts: { connect: 500, response: 500, idle: 500 } },
      credentials: { kind: 'token', instanceUrl: world.sandbox.url, accessToken: 'wrong' },
    })
    t.after(() => salesforce.close())
    await assert.rejects(withPrefix(object, { ...asking, salesforce }, ctx), LaterError)
    const pinned = { ...object, prefix: 'a01' }
    assert.deepEqual(await withPrefix(pinned, asking, ctx), pinned)
  })
})

describe('the org', () => {
  for (const [what, action] of [
    ['the page of a proxy', { do: 'answer', status: 404, body: 'html' }],
    ['about another object', { do: 'lie', set: { name: 'Order__c' } }],
    ['a prefix that every id has', { do: 'lie', set: { keyPrefix: '' } }],
  ] as const) {
    test(`has said nothing about an object where the answer is ${what}`, async (t) => {
      const sandbox = { objects: [INVOICE], faults: [{ on: 'describe', action } as const] }
      const { world } = await setup(t, { Invoice__c: '' }, sandbox)
      assert.equal(await world.store.ledger.describedObject('Invoice__c'), null)
    })
  }

  test('does not allow an object by describing it', async (t) => {
    const { submit, described } = await setup(t, { Invoice__c: '' })
    await assert.rejects(submit('Order__c', ids18(1, 0, 'a02')), UnknownObjectError)
    assert.equal(described(), 1)
  })

  for (const [what, object, sandbox, code, words] of [
    ['does not have', 'Bill__c', {}, 'OBJECT_NOT_DELETABLE', /no object Bill__c.*enable Read/],
    [
      'lets nobody delete',
      'Invoice__c',
      { notDeletable: ['Invoice__c'] },
      'OBJECT_NOT_DELETABLE',
      /may not delete Invoice__c.*enable Delete/,
    ],
  ] as const) {
    test(`is not asked to delete records of an object that it ${what}`, async (t) => {
      const { world, submit } = await setup(t, { [object]: '' }, { objects: [INVOICE], ...sandbox })
      await assert.rejects(submit(object, ids18(1, 0, 'a01')), (error) => {
        assert.ok(error instanceof UnusableObjectError)
        assert.equal(error.code, code)
        assert.match(error.message, words)
        return true
      })
      assert.deepEqual(await world.producer.list(world), [])
      // What was accepted before the org was asked is refused by its plan.
      await world.store.redis.del(world.store.ledger.keys.described(object))
      const { status, error } = await receiptOf(world, await submit(object, ids18(1, 0, 'a01')))
      assert.deepEqual([status, error?.code], ['refused', code])
    })
  }

  test('has another prefix than the configuration: both are named', async (t) => {
    const { submit } = await setup(t, { Invoice__c: 'a07' })
    await assert.rejects(submit('Invoice__c', ids18(1, 0, 'a07')), {
      name: 'UnusableObjectError',
      code: 'OTHER_PREFIX',
      message: /begin with a01 in this org, and with a07 in the configuration/,
    })
  })
})
