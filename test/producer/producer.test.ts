import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import {
  ConflictError,
  createProducer,
  NotWaitingError,
  RefusedError,
  UnknownObjectError,
  UnknownRequestError,
} from '../../src/producer/producer.ts'
import { openOrgStore } from '../../src/shared/store/org-store.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { ids18 } from '../helpers/ids.ts'
import { RAILS } from '../helpers/rails.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const producer = await createProducer({ redis: redis.url })
scope.after(() => producer.close())

let orgs = 0
/** An org that no other test uses. */
const ownOrg = () => `producer-${process.pid}-${++orgs}`

const body = (org: string, id?: string) => ({
  ...{ org, object: 'Contact', source: { type: 'ids' as const, ids: ids18(3) } },
  ...(id === undefined ? {} : { id }),
})

describe('submit', () => {
  test('stores the request, with its defaults filled in and without its ids', async () => {
    const org = ownOrg()
    const { request, created } = await producer.submit(body(org))
    assert.equal(created, true)
    assert.equal(request.status, 'queued')
    assert.deepEqual(request.request.source, { type: 'ids' })
    assert.equal(request.request.priority, 'normal')
    assert.equal(request.progress, null)
    assert.deepEqual(request.waiting, [{ reason: 'no-worker' }])
    for (const id of [request.id, request.id.toUpperCase()]) {
      assert.deepEqual(await producer.inspect(id, { org }), request)
    }
  })

  test('of the same body again gives the request that is there', async () => {
    const org = ownOrg()
    const first = await producer.submit(body(org, 'gdpr-1'))
    const again = await producer.submit({ ...body(org, 'GDPR-1'), priority: 'normal' })
    assert.equal(again.created, false)
    assert.deepEqual(again.request, first.request)
  })

  test('takes the object in any case, which is no part of the identity of a request', async () => {
    const org = ownOrg()
    const first = await producer.submit({ ...body(org, 'gdpr-1'), object: 'cONTACT' })
    assert.equal(first.request.request.object, 'Contact')
    const again = await producer.submit(body(org, 'gdpr-1'))
    assert.deepEqual([again.created, again.request], [false, first.request])
  })

  test('of an object that the org does not allow leaves nothing behind', async () => {
    const org = ownOrg()
    const submit = (object: string) => producer.submit({ ...body(org), object })
    const suggestions = { Contcat: 'Contact', contacts: 'Contact', FlowRecrd: 'FlowRecord' }
    for (const [object, suggestion] of Object.entries(suggestions)) {
      await assert.rejects(submit(object), (error) => {
        assert.ok(error instanceof UnknownObjectError)
        assert.match(error.message, new RegExp(`${object}\\. Did you mean ${suggestion}\\?`))
        return error.suggestion === suggestion
      })
    }
    await assert.rejects(submit('Account'), (error) => {
      assert.ok(error instanceof UnknownObjectError)
      assert.match(
        error.message,
        /^Unknown object Account\. Expected one of Contact, Lead, .*No worker/,
      )
      return error.suggestion === null
    })
    assert.deepEqual(await producer.list({ org }), [])
  })

  test("takes the objects of the org's guard rails, and before there are any those of its options", async () => {
    const org = ownOrg()
    const submit = (object: string, by = producer) => by.submit({ ...body(org), object })
    const configured = await createProducer({ redis: redis.url, objects: ['Contact', 'Bill__c'] })
    scope.after(() => configured.close())
    const { request } = await submit('bill__C', configured)
    assert.equal(request.request.object, 'Bill__c')
    const connection = connectRedis({ kind: 'url', url: redis.url }, 'fail-fast', () => {})
    const store = openOrgStore(connection, org, () => {})
    const objects = { Contact: '003', Invoice__c: 'a01' }
    await store.ledger.changeRails({ from: null, to: { ...RAILS, objects } })
    await store.close()
    connection.disconnect()
    assert.equal((await submit('invoice__c')).request.request.object, 'Invoice__c')
    await assert.rejects(submit('Bill__c', configured), UnknownObjectError)
  })

  test('of another body under the same id is a conflict', async () => {
    const org = ownOrg()
    await producer.submit(body(org, 'gdpr-1'))
    const others = [
      { ...body(org, 'gdpr-1'), source: { type: 'ids' as const, ids: ids18(3, 1) } },
      { ...body(org, 'gdpr-1'), dryRun: true },
      { ...body(org, 'Gdpr-1'), object: 'Lead' },
    ]
    for (const other of others) await assert.rejects(producer.submit(other), ConflictError)
    assert.equal((await producer.list({ org })).length, 1)
  })

  test('of one id by twenty callers at once creates it once', async () => {
    const org = ownOrg()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => producer.submit(body(org, 'race'))),
    )
    assert.equal(answers.filter(({ created }) => created).length, 1)
    assert.equal(new Set(answers.map(({ request }) => JSON.stringify(request))).size, 1)
  })

  test('tells uploads apart by their bytes, however they are cut', async () => {
    const org = ownOrg()
    const request = { org, id: 'up', object: 'Contact', source: { type: 'upload' as const } }
    const text = `Id\n${ids18(50).join('\n')}\n`
    const first = await producer.submit(request, cut(text, 7))
    assert.equal((await producer.submit(request, cut(text, 100))).created, false)
    assert.equal(first.created, true)
    await assert.rejects(producer.submit(request, cut(text.slice(0, -1), 7)), ConflictError)
  })

  test('names every field that is wrong', async () => {
    const wrong = { ...body(ownOrg()), maxRecords: 0, prioritty: 'high' }
    await assert.rejects(producer.submit(wrong), (error) => {
      assert.ok(error instanceof RefusedError)
      assert.equal(error.code, 'INVALID_REQUEST')
      assert.match(error.message, /maxRecords/)
      assert.match(error.message, /prioritty/)
      return true
    })
  })

  test('whose upload breaks off enters nothing', async () => {
    const org = ownOrg()
    const request = { org, id: 'cut', object: 'Contact', source: { type: 'upload' as const } }
    const broken = (async function* () {
      yield Buffer.from('Id\n')
      throw new Error('the caller went away')
    })()
    await assert.rejects(producer.submit(request, broken), /went away/)
    assert.equal(await producer.inspect('cut', { org }), null)
  })
})

describe('list', () => {
  test('has the newest first, page by page', async () => {
    const org = ownOrg()
    const ids = []
    for (let k = 0; k < 5; k++) {
      ids.unshift((await producer.submit(body(org, `r${k}`))).request.id)
      // Two of one millisecond would be in the order of their ids.
      const now = Date.now()
      while (Date.now() === now);
    }
    const listed = async (page: { offset?: number; count?: number }) =>
      (await producer.list({ org, ...page })).map(({ id }) => id)
    assert.deepEqual(await listed({}), ids)
    assert.deepEqual(await listed({ offset: 1, count: 2 }), ids.slice(1, 3))
    assert.deepEqual(await listed({ offset: 5 }), [])
  })
})

describe('a request that cannot be acted on', () => {
  test('is unknown', async () => {
    const org = ownOrg()
    assert.equal(await producer.inspect('none', { org }), null)
    await assert.rejects(producer.approve('none', { org }), UnknownRequestError)
    await assert.rejects(producer.decline('none', { org }), UnknownRequestError)
    await assert.rejects(producer.wait('none', { org }), UnknownRequestError)
  })

  test('is not awaiting approval', async () => {
    const org = ownOrg()
    const { request } = await producer.submit(body(org))
    await assert.rejects(producer.approve(request.id, { org }), NotWaitingError)
    await assert.rejects(producer.decline(request.id, { org }), NotWaitingError)
  })

  test('is not waited for any longer than the caller wants, who gets his own reason', async () => {
    const org = ownOrg()
    const { request } = await producer.submit(body(org))
    const reason = new Error('enough')
    await assert.rejects(
      producer.wait(request.id, { org, signal: AbortSignal.abort(reason) }),
      reason,
    )
  })
})

describe('while Redis is away', () => {
  test('a producer does not start', async (t) => {
    const own = await startRedis(t, {})
    await own.kill()
    await assert.rejects(createProducer({ redis: own.url }))
  })

  test('a submit fails instead of waiting, and works again afterwards', async (t) => {
    const own = await startRedis(t, { appendOnly: true })
    const errors: Error[] = []
    const caller = await createProducer({ redis: own.url, onError: (error) => errors.push(error) })
    t.after(() => caller.close())
    const before = await caller.submit(body('default', 'before'))
    await own.kill()
    await assert.rejects(caller.submit(body('default', 'during')))
    await assert.rejects(caller.submit(body('another', 'during')))
    assert.ok(errors.length > 0)
    await own.restart()
    let again = await caller.submit(body('default', 'before')).catch(() => null)
    while (again === null) again = await caller.submit(body('default', 'before')).catch(() => null)
    assert.equal(again.created, false)
    assert.deepEqual(again.request, before.request)
  })
})

async function* cut(text: string, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size))
}
