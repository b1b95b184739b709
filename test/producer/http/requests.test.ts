import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { createCallers } from '../../../src/producer/http/caller.ts'
import { problemSchema } from '../../../src/producer/http/openapi/parts.ts'
import { viewSchema } from '../../../src/producer/http/openapi/request.ts'
import { createOrgs } from '../../../src/producer/http/orgs.ts'
import { createRateLimiter } from '../../../src/producer/http/rate-limit.ts'
import { pageSchema } from '../../../src/producer/http/routes/list.ts'
import { startHttpServer } from '../../../src/producer/http/server.ts'
import { HTTP_TIMEOUTS, withinDeadline } from '../../../src/producer/http/timeouts.ts'
import type { Producer } from '../../../src/producer/producer.ts'
import { URL_PATTERN } from '../../../src/shared/config/network.ts'
import { parseRequest, toStored } from '../../../src/shared/contract/request.ts'
import { openDirectory } from '../../../src/shared/results/directory/store.ts'
import { acceptor } from '../../../src/shared/store/intake/accept.ts'
import { bodyHash } from '../../../src/shared/store/intake/taken.ts'
import { orgKeys } from '../../../src/shared/store/ledger/keys.ts'
import { type OrgStore, openStores } from '../../../src/shared/store/org-store.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { linesOf, outcome, receiptOf, statusReached } from '../../helpers/deletion.ts'
import { id18, ids18 } from '../../helpers/ids.ts'
import { RAILS } from '../../helpers/rails.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { type Answer, type Api, callAt, loggerInto, PATH, startApi } from './api.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
/** Nobody works here: requests stay as they were submitted. */
const quiet = await startWorld(scope, { redis })
const idle = await startApi(scope, quiet, { redis })
const world = await startWorld(scope, { redis })
const api = await startApi(scope, world, { redis })
await world.startWorker()

const at = (id: string, org = quiet.org) => `${PATH}/${id}?org=${org}`

const body = (fields: Record<string, unknown> = {}, org = quiet.org) => ({
  ...{ org, object: 'Contact', source: { type: 'ids', ids: ids18(3) } },
  ...fields,
})

function assertProblem(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.text)
  assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.deepEqual(problemSchema.parse(answer.json), answer.json)
  assert.match(answer.headers.get('x-request-id') ?? '', /^[\w-]{36}$/)
}

/** Of a 422: the fields that were wrong. */
const fieldsOf = ({ json }: Answer) => json.errors.map(({ field }: { field: string }) => field)

describe('submitting', () => {
  test('accepts a request once, and gives it again to whoever repeats it', async () => {
    const first = await idle.call(PATH, { json: body({ id: 'Once' }) })
    assert.equal(first.status, 202, first.text)
    assert.equal(first.headers.get('location'), at('Once'))
    assert.deepEqual(viewSchema.parse(first.json), first.json)
    const again = await idle.call(PATH, { json: body({ id: 'once', priority: 'normal' }) })
    assert.equal(again.status, 200)
    assert.deepEqual(again.json, first.json)
    const followed = await idle.call(first.headers.get('location') ?? '')
    assert.deepEqual(followed.json, first.json)
  })

  test('of another body under the same id is a conflict', async () => {
    await idle.call(PATH, { json: body({ id: 'taken' }) })
    assertProblem(
      await idle.call(PATH, { json: body({ id: 'TAKEN', dryRun: true }) }),
      409,
      'ID_TAKEN',
    )
  })

  test('of one id by twenty callers at once creates it once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => idle.call(PATH, { json: body({ id: 'race' }) })),
    )
    const statuses = answers.map(({ status }) => status).sort()
    assert.deepEqual(statuses, [...Array(19).fill(200), 202])
  })

  test('names every field that is wrong', async () => {
    const wrong = body({ maxRecords: 0, prioritty: 'high', source: { type: 'ids', ids: ['a', 7] } })
    const answer = await idle.call(PATH, { json: wrong })
    assertProblem(answer, 422, 'INVALID_REQUEST')
    assert.deepEqual(fieldsOf(answer).sort(), ['maxRecords', 'prioritty', 'source.ids.1'])
    assert.equal(answer.json.detail, '3 fields are wrong.')
    const many = await idle.call(PATH, {
      json: body({ source: { type: 'ids', ids: Array(10_000).fill(7) } }),
    })
    assert.equal(many.json.errors.length, 100)
    assert.match(many.json.detail, /^10000 fields are wrong, of which the first 100/)
  })

  test('of an object that the org does not allow names the one that was meant', async () => {
    const answer = await idle.call(PATH, { json: body({ id: 'typo', object: 'Contcat' }) })
    assertProblem(answer, 422, 'UNKNOWN_OBJECT')
    assert.deepEqual(fieldsOf(answer), ['object'])
    assert.match(answer.json.detail, /Did you mean Contact\?/)
    const csv = `${PATH}/csv?org=${quiet.org}&id=typo&object=Contcat`
    const upload = await idle.call(csv, { body: 'Id\n', headers: { 'Content-Type': 'text/csv' } })
    assertProblem(upload, 422, 'UNKNOWN_OBJECT')
    const read = await idle.call(`${PATH}/typo?org=${quiet.org}`)
    assertProblem(read, 404, 'UNKNOWN_REQUEST')
  })

  test('of an object whose records the org does not delete is refused at once', async (t) => {
    const own = await startWorld(t, { redis })
    const { call } = await startApi(t, own, { redis })
    const { ledger } = own.store
    const rails = { ...RAILS, objects: { Contact: '003', Invoice__c: '' } }
    await ledger.changeRails({ from: null, to: rails })
    await ledger.noteObject('Invoice__c', { visible: true, deletable: false, prefix: 'a01' })
    const json = body({ id: 'kept', object: 'Invoice__c' }, own.org)
    const answer = await call(PATH, { json })
    assertProblem(answer, 422, 'OBJECT_NOT_DELETABLE')
    assert.deepEqual(fieldsOf(answer), ['object'])
    assertProblem(await call(at('kept', own.org)), 404, 'UNKNOWN_REQUEST')
  })

  test('of what is no request at all is refused', async () => {
    for (const json of [null, 7, 'text', []]) {
      assertProblem(await idle.call(PATH, { json }), 422, 'INVALID_REQUEST')
    }
    assertProblem(await idle.call(PATH, { method: 'POST' }), 422, 'INVALID_REQUEST')
    const upload = await idle.call(PATH, { json: body({ source: { type: 'upload' } }) })
    assert.deepEqual(fieldsOf(upload), ['source.type'])
  })

  test('takes the org from the query string as well, unless the body has another', async () => {
    const { org: _, ...noOrg } = body({ id: 'by-query' })
    const answer = await idle.call(`${PATH}?org=${quiet.org}`, { json: noOrg })
    assert.deepEqual([answer.status, answer.json.org], [202, quiet.org])
    const other = await idle.call(`${PATH}?org=other`, { json: body() })
    assert.deepEqual([other.status, fieldsOf(other)], [422, ['org']])
    const more = await idle.call(`${PATH}?org=${quiet.org}&dryRun=true`, { json: noOrg })
    assert.deepEqual([more.status, fieldsOf(more)], [422, ['dryRun']])
  })

  test('to an org that nobody knows is refused, until a worker has logged in to it', async (t) => {
    const late = await startWorld(t, { redis })
    assertProblem(await idle.call(PATH, { json: body({}, late.org) }), 404, 'UNKNOWN_ORG')
    await late.startWorker()
    // Its results lie elsewhere than those of this service.
    assertProblem(await idle.call(PATH, { json: body({}, late.org) }), 500, 'INTERNAL_ERROR')
    const own = await startApi(t, quiet, { redis })
    assert.equal((await own.call(PATH, { json: body({ id: 'own' }) })).status, 202)
  })

  test('takes no callback for which there is no receiver, as JSON and as CSV', async (t) => {
    const url = URL_PATTERN.parse('https://hooks.example.com/expunge')
    assert.ok(url !== undefined)
    const receivers = [{ name: 'crm', url, secretsFile: '/none' }]
    const callbacks = { receivers, allow: [], timeoutMs: 1000 }
    const told = await startApi(t, { ...quiet, config: { ...quiet.config, callbacks } }, { redis })
    const post = (callbackUrl: string) => told.call(PATH, { json: body({ callbackUrl }) })
    assert.equal((await post('https://hooks.example.com/expunge?token=t')).status, 202)
    const refused = await post('https://evil.example/expunge?token=hidden')
    assertProblem(refused, 422, 'INVALID_REQUEST')
    assert.deepEqual(fieldsOf(refused), ['callbackUrl'])
    assert.doesNotMatch(refused.text, /hidden/)
    const query = `${PATH}?org=${quiet.org}&object=Contact&callbackUrl=https://evil.example/`
    const csv = await told.call(query, { body: 'Id\n', headers: { 'Content-Type': 'text/csv' } })
    assertProblem(csv, 422, 'INVALID_REQUEST')
  })

  test('leaves a line in the audit log with the reason, and none where it changed nothing', async () => {
    const json = body({ id: 'audited', reason: 'Art. 17 request 123' })
    for (let k = 0; k < 2; k++)
      await idle.call(PATH, { json, headers: { 'X-Request-Id': 'edge-0042' } })
    for (let k = 0; k < 2; k++) {
      const path = `${PATH}/AUDITED/priority?org=${quiet.org}`
      const { status, json: view } = await idle.call(path, { json: { priority: 'high' } })
      assert.deepEqual([status, view.request.priority], [200, 'high'])
    }
    for (const json of [{}, { priority: 'urgent' }, { priority: 'low', more: 1 }]) {
      const path = `${PATH}/AUDITED/priority?org=${quiet.org}`
      assertProblem(await idle.call(path, { json }), 422, 'INVALID_REQUEST')
    }
    for (let k = 0; k < 2; k++) {
      const path = `${PATH}/AUDITED/cancel?org=${quiet.org}`
      assert.equal((await idle.call(path, { method: 'POST' })).status, 202)
    }
    const lines = idle.log.filter((line) => line['audit'] && line['request'] === 'audited')
    assert.deepEqual(
      lines.map((line) => line['audit']),
      ['submit', 'priority', 'cancel'],
    )
    const { audit, key, org, reason, httpRequestId } = lines[0] ?? {}
    assert.deepEqual(
      [audit, key, org, reason, httpRequestId],
      ['submit', 'local', quiet.org, 'Art. 17 request 123', 'edge-0042'],
    )
  })
})

/** The service of the quiet world, with a producer of the test's own. */
async function serve(
  t: TestContext,
  producer: Producer,
  log: Record<string, unknown>[],
): Promise<string> {
  const client = connectRedis({ kind: 'url', url: redis.url }, 'fail-fast', () => {})
  const results = await openDirectory(quiet.results)
  const stores = openStores(client, () => {})
  const orgs = createOrgs({ stores, configured: [quiet.org], results })
  const server = await startHttpServer(
    {
      ...{ producer, orgs, results, fileRoots: [], receivers: null },
      ...{
        metrics: quiet.metrics,
        log: loggerInto(log),
        version: '1.2.3',
        timeouts: HTTP_TIMEOUTS,
        inTime: (work) => withinDeadline(HTTP_TIMEOUTS, work),
      },
      callers: createCallers(null, createRateLimiter(client), HTTP_TIMEOUTS),
      redisTrouble: () => null,
    },
    { host: '127.0.0.1', port: 0 },
  )
  t.after(async () => {
    await server.close()
    await stores.close()
    client.disconnect()
  })
  return server.url
}

describe('the audit log', () => {
  const linesOfIt = (log: Api['log'], id: string) =>
    log
      .filter(({ audit, request }) => audit !== undefined && request === id)
      .map(({ audit, inDoubt, reason }) => ({ audit, inDoubt, reason }))

  test('has an approval whose plan came to wait only after it was looked at', async (t) => {
    await idle.call(PATH, { json: body({ id: 'raced', approval: 'required' }) })
    const record = orgKeys(quiet.org).request('raced')
    const { producer } = quiet
    const inspect: Producer['inspect'] = async (id, options) => {
      const view = await producer.inspect(id, options)
      if (view?.status === 'queued') {
        await quiet.store.redis.hset(record, 'status', 'awaiting-approval')
      }
      return view
    }
    const log: Record<string, unknown>[] = []
    const url = await serve(t, { ...producer, inspect }, log)
    const call = (path: string, json: unknown) => callAt(url, path, { json })
    const path = `${PATH}/raced/approve?org=${quiet.org}`
    assert.equal((await call(path, { reason: 'looked at' })).status, 200)
    assert.equal((await call(path, { reason: 'again' })).status, 200)
    assert.deepEqual(linesOfIt(log, 'raced'), [
      { audit: 'approve', inDoubt: undefined, reason: 'looked at' },
    ])
  })

  test('has what may have been done, where Redis does not say whether it is kept', async (t) => {
    const doubting = await startApi(t, quiet, { redis, replicas: 1 })
    const json = body({ id: 'doubted', reason: 'Art. 17' })
    assertProblem(await doubting.call(PATH, { json }), 503, 'REDIS_NOT_REPLICATED')
    assert.equal((await idle.call(PATH, { json })).status, 200, 'it was done')
    const path = `${PATH}/doubted/cancel?org=${quiet.org}`
    assertProblem(await doubting.call(path, { method: 'POST' }), 503, 'REDIS_NOT_REPLICATED')
    assert.deepEqual(linesOfIt(doubting.log, 'doubted'), [
      { audit: 'submit', inDoubt: 'REDIS_NOT_REPLICATED', reason: 'Art. 17' },
      { audit: 'cancel', inDoubt: 'REDIS_NOT_REPLICATED', reason: null },
    ])
  })
})

describe('looking', () => {
  test('at a request that is not there finds none', async () => {
    assertProblem(await idle.call(at('none')), 404, 'UNKNOWN_REQUEST')
    assertProblem(await idle.call(at('none', 'nowhere')), 404, 'UNKNOWN_ORG')
    for (const id of ['a%2fb', '..%2f..%2fetc', 'a%00', '-a', 'a b', 'ä', 'x'.repeat(129)]) {
      assertProblem(await idle.call(at(id)), 404, 'UNKNOWN_REQUEST')
    }
    assertProblem(await idle.call(at('x'.repeat(500))), 404, 'NO_SUCH_ROUTE')
    assertProblem(await idle.call(at('%zz')), 400, 'MALFORMED_URL')
    const wrong = await idle.call(`${PATH}/none?org=${quiet.org}&ogr=a`)
    assert.deepEqual([wrong.status, fieldsOf(wrong)], [422, ['ogr']])
    const twice = await idle.call(`${PATH}/none?org=a&org=b`)
    assert.deepEqual([twice.status, fieldsOf(twice)], [422, ['org']])
  })

  test('at a request finds it in any case, with HEAD too', async () => {
    await idle.call(PATH, { json: body({ id: 'Seen' }) })
    assert.equal((await idle.call(at('sEEN'))).json.id, 'Seen')
    const head = await idle.call(at('Seen'), { method: 'HEAD' })
    assert.deepEqual([head.status, head.text], [200, ''])
  })
})

describe('a path', () => {
  test('that does not exist, or not with this method, is told apart', async () => {
    assertProblem(await idle.call('/v1/nothing'), 404, 'NO_SUCH_ROUTE')
    assertProblem(await idle.call('/v1/deletion-requests/'), 404, 'UNKNOWN_REQUEST')
    const methods: readonly (readonly [string, string, string])[] = [
      ['PUT', PATH, 'GET, HEAD, POST'],
      ['DELETE', at('a'), 'GET, HEAD'],
      ['GET', `${PATH}/a/approve`, 'POST'],
      ['PATCH', `${PATH}/a/cancel`, 'POST'],
      ['POST', `${PATH}/a/results/failed.csv`, 'GET, HEAD'],
      ['POST', '/openapi.json', 'GET, HEAD'],
      ['OPTIONS', '/', 'GET, HEAD'],
    ]
    for (const [method, path, allowed] of methods) {
      const answer = await idle.call(path, { method })
      assertProblem(answer, 405, 'METHOD_NOT_ALLOWED')
      assert.equal(answer.headers.get('allow'), allowed, path)
    }
  })

  test('is a label of the metrics only as its pattern', async () => {
    await idle.call(at('label-1'))
    await idle.call('/label-2?label-3')
    const text = await quiet.metrics.registry.metrics()
    assert.match(
      text,
      /^expunge_http_requests_total\{route="\/v1\/deletion-requests\/:id",method="GET",status="404"\} \d/m,
    )
    assert.match(
      text,
      /^expunge_http_request_duration_seconds_count\{route="none",method="GET",status="404"\} \d/m,
    )
    assert.doesNotMatch(text, /label-\d/)
    assert.doesNotMatch(JSON.stringify(idle.log), /label-3/)
  })
})

describe('a request that workers take up', () => {
  test('goes from its submission to its receipt and its result files', async () => {
    const ids = [...ids18(20, 1000), id18(5, '00Q')]
    const json = body({ id: 'whole', onInvalid: 'skip', source: { type: 'ids', ids } }, world.org)
    assert.equal((await api.call(PATH, { json })).status, 202)
    await receiptOf(world, 'whole')
    const { json: view } = await api.call(at('whole', world.org))
    assert.equal(view.status, 'completed')
    assert.deepEqual(view.receipt.outcome, outcome({ deleted: 20 }))
    assert.deepEqual(viewSchema.parse(view), view)
    const file = await api.call(`${PATH}/WHOLE/results/invalid.csv?org=${world.org}`)
    assert.deepEqual(
      [file.status, file.headers.get('content-type')],
      [200, 'text/csv; charset=utf-8'],
    )
    assert.equal(
      file.headers.get('content-disposition'),
      'attachment; filename="whole-invalid.csv"',
    )
    assert.deepEqual(
      file.text.split('\n').slice(1, -1),
      await linesOf(world, 'whole', 'invalid.csv'),
    )
    const [listed] = view.receipt.files
    assert.deepEqual([listed.name, listed.rows, listed.bytes], ['invalid.csv', 1, file.text.length])
    const digest = createHash('sha256').update(file.text).digest()
    assert.equal(listed.sha256, digest.toString('hex'))
    assert.equal(file.headers.get('repr-digest'), `sha-256=:${digest.toString('base64')}:`)
    const head = await api.call(`${PATH}/WHOLE/results/invalid.csv?org=${world.org}`, {
      method: 'HEAD',
    })
    assert.deepEqual([head.status, head.text], [200, ''])
    for (const name of ['content-type', 'content-length', 'content-disposition', 'repr-digest']) {
      assert.equal(head.headers.get(name), file.headers.get(name), name)
    }
    const missing = (name: string) => api.call(`${PATH}/whole/results/${name}?org=${world.org}`)
    assertProblem(await missing('failed.csv'), 404, 'NO_RESULT_FILE')
    assertProblem(await missing('deleted.csv'), 404, 'NO_RESULT_FILE')
    const path = join(world.results, world.org, 'whole', 'invalid.csv')
    await truncate(path, 30)
    assertProblem(await missing('invalid.csv'), 503, 'RESULT_FILE_LOST')
    await rm(path)
    assertProblem(await missing('invalid.csv'), 503, 'RESULT_FILE_LOST')
    for (const name of ['receipt.json', '..%2finvalid.csv', '%2e%2e%2fwhole%2finvalid.csv', '.']) {
      const answer = await missing(name)
      assert.equal(answer.status, 404, name)
    }
    assertProblem(
      await api.call(`${PATH}/whole/cancel?org=${world.org}`, { method: 'POST' }),
      409,
      'ALREADY_OVER',
    )
    assertProblem(
      await api.call(`${PATH}/whole/approve?org=${world.org}`, { method: 'POST' }),
      409,
      'NOT_AWAITING_APPROVAL',
    )
  })

  test('waits for its approval, which may be repeated', async () => {
    await api.call(PATH, { json: body({ id: 'approved', approval: 'required' }, world.org) })
    await statusReached(world, 'approved', 'awaiting-approval')
    const early = await api.call(`${PATH}/approved/results/failed.csv?org=${world.org}`)
    assertProblem(early, 409, 'NOT_OVER_YET')
    const path = `${PATH}/approved/approve?org=${world.org}`
    const answer = await api.call(path, { json: { reason: 'four eyes' } })
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(viewSchema.parse(answer.json), answer.json)
    assert.equal((await receiptOf(world, 'approved')).status, 'completed')
    const line = api.log.find(({ audit }) => audit === 'approve')
    assert.deepEqual([line?.['request'], line?.['reason']], ['approved', 'four eyes'])
    assertProblem(await api.call(path, { json: { reazon: '' } }), 422, 'INVALID_REQUEST')
    assertProblem(
      await api.call(path, { body: 'Id\n', headers: { 'Content-Type': 'text/csv' } }),
      415,
      'MEDIA_TYPE_NOT_SUPPORTED',
    )
  })

  test('is cancelled while it waits, and says so', async () => {
    await api.call(PATH, { json: body({ id: 'cancelled', approval: 'required' }, world.org) })
    await statusReached(world, 'cancelled', 'awaiting-approval')
    const path = `${PATH}/cancelled/cancel?org=${world.org}`
    const answer = await api.call(path, { json: { reason: 'not ours' } })
    assert.equal(answer.status, 202, answer.text)
    assert.deepEqual((await receiptOf(world, 'cancelled')).status, 'cancelled')
    const line = api.log.find(({ audit }) => audit === 'cancel')
    assert.deepEqual(
      [line?.['request'], line?.['reason'], line?.['key']],
      ['cancelled', 'not ours', 'local'],
    )
  })
})

describe('the list', () => {
  test('pages from the newest to the oldest, whatever comes in meanwhile', async (t) => {
    const { list, submit } = await ownOrg(t)
    for (let k = 0; k < 7; k++) await submit(`r${k}`)
    const first = await list('limit=3')
    assert.deepEqual(idsOf(first), ['r6', 'r5', 'r4'])
    assert.deepEqual(pageSchema.parse(first.json), first.json)
    await submit('r7')
    const second = await list(`limit=3&cursor=${first.json.next}`)
    assert.deepEqual(idsOf(second), ['r3', 'r2', 'r1'])
    const third = await list(`limit=3&cursor=${second.json.next}`)
    assert.deepEqual([idsOf(third), third.json.next], [['r0'], null])
  })

  test('loses none of those of one millisecond', async (t) => {
    const { list, store } = await ownOrg(t)
    const ids = Array.from({ length: 25 }, (_, k) => `twin-${String(k).padStart(2, '0')}`)
    await Promise.all(ids.map((id) => enter(store, id, 1_000)))
    const seen: string[] = []
    for (let query = 'limit=4'; ; ) {
      const page = await list(query)
      seen.push(...idsOf(page))
      if (page.json.next === null) break
      query = `limit=4&cursor=${page.json.next}`
    }
    assert.deepEqual(seen, ids.reverse())
  })

  test('filters by status and object, also where few match', async (t) => {
    const { list, store } = await ownOrg(t)
    for (let k = 0; k < 250; k++) {
      await enter(
        store,
        `f${String(k).padStart(3, '0')}`,
        1_000 + k,
        k % 50 === 0 ? 'Lead' : 'Contact',
      )
    }
    const leads = await list('object=Lead&status=queued&limit=3')
    assert.deepEqual(idsOf(leads), ['f200', 'f150', 'f100'])
    const rest = await list(`object=Lead&limit=3&cursor=${leads.json.next}`)
    assert.deepEqual([idsOf(rest), rest.json.next], [['f050', 'f000'], null])
    assert.deepEqual(idsOf(await list('status=completed')), [])
  })

  test('tells of a request that it cannot read, and shows the others', async (t) => {
    const { list, store } = await ownOrg(t)
    for (let k = 0; k < 5; k++) await enter(store, `u${k}`, 1_000 + k)
    await store.redis.hset(store.ledger.keys.request('u2'), 'status', 'a status of the future')
    await store.redis.hset(store.ledger.keys.request('u3'), 'request', '{')
    const page = await list('')
    assert.deepEqual(idsOf(page), ['u4', 'u1', 'u0'])
    assert.deepEqual(
      page.json.unreadable.map(({ id }: { id: string }) => id),
      ['u3', 'u2'],
    )
    assert.doesNotMatch(page.text, /future/)
    const pages = [await list('limit=2')]
    for (let next = pages[0]?.json.next; next !== null; next = pages.at(-1)?.json.next) {
      pages.push(await list(`limit=2&cursor=${next}`))
    }
    assert.deepEqual(pages.flatMap(idsOf), ['u4', 'u1', 'u0'])
    assert.equal(pages.flatMap(({ json }) => json.unreadable).length, 2)
  })

  test('refuses a query that it does not understand', async () => {
    for (const [query, field] of [
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=x', 'limit'],
      ['status=done', 'status'],
      ['cursor=abc', 'cursor'],
      [`cursor=${Buffer.from('[-1,7]').toString('base64url')}`, 'cursor'],
      ['offset=3', 'offset'],
    ] as const) {
      const answer = await idle.call(`${PATH}?org=${quiet.org}&${query}`)
      assertProblem(answer, 422, 'INVALID_REQUEST')
      assert.deepEqual(fieldsOf(answer), [field])
    }
  })
})

const idsOf = ({ json }: Answer): string[] => json.requests.map(({ id }: { id: string }) => id)

/** An org without requests, and how to list and submit there. */
async function ownOrg(t: TestContext) {
  const own = await startWorld(t, { redis })
  const { call } = await startApi(t, own, { redis })
  const submit = async (id: string) => {
    assert.equal((await call(PATH, { json: body({ id }, own.org) })).status, 202)
    // Two of one millisecond would be in the order of their ids.
    const now = Date.now()
    while (Date.now() === now);
  }
  return {
    submit,
    store: own.store,
    list: (query: string) => call(`${PATH}?org=${own.org}&${query}`),
  }
}

/** Into the ledger alone, as of a moment. */
async function enter(store: OrgStore, id: string, submittedAt: number, object = 'Contact') {
  const request = toStored(parseRequest({ id, object, source: { type: 'upload' } }, 0))
  await acceptor(
    store.connection,
    store.ledger.keys,
  )({
    request,
    bodyHash: bodyHash(request, null),
    staged: null,
    submittedAt,
  })
}
