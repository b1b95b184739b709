import assert from 'node:assert/strict'
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createSecret } from '../../../src/producer/http/key-secret.ts'
import { ConfigError } from '../../../src/shared/base/errors.ts'
import { orgKeys } from '../../../src/shared/store/ledger/keys.ts'
import { receiptOf, statusReached } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { type Answer, type CallOptions, keyEntry, PATH, rawCall, startApi, until } from './api.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
await world.startWorker()

const names = [
  'once',
  'filer',
  'frugal',
  'crm',
  'officer',
  'auditor',
  'boss',
  'small',
  'elsewhere',
  'newcomer',
  'hasty',
  'leads',
  'reader',
  'limited',
] as const
const secrets = Object.fromEntries(names.map((name) => [name, createSecret()])) as Record<
  (typeof names)[number],
  string
>
/** No two worlds share a rate, though they share a Redis. */
const named = (name: (typeof names)[number], entry: Parameters<typeof keyEntry>[2]) =>
  keyEntry(`${name}-${world.org}`, secrets[name], entry)
const api = await startApi(scope, world, {
  redis,
  keys: [
    named('crm', { roles: 'submit' }),
    named('officer', { roles: 'approve, read' }),
    named('auditor', { roles: 'read' }),
    named('boss', { roles: 'admin' }),
    named('small', { roles: 'submit', more: ', maxRecords: 2' }),
    named('elsewhere', { roles: 'admin', orgs: '[other]' }),
    named('newcomer', { roles: 'submit', orgs: `[${world.org}-new]` }),
    named('leads', { roles: 'admin', objects: '[Lead]' }),
    named('once', { roles: 'admin', more: ', operations: [hardDelete], priorities: [low]' }),
    named('filer', {
      roles: 'submit, approve',
      more: `, sources: { ids: "*", file: [${world.folder}/crm] }`,
    }),
    named('frugal', { roles: 'submit', more: ', recordsPerHour: 5, recordsPerDay: 8' }),
    named('reader', { roles: 'submit, read', more: ', sources: { ids: "*" }' }),
    named('limited', { roles: 'submit, read', more: ', maxRecords: 2' }),
    named('hasty', { roles: 'read', more: ', requestsPerMinute: 3' }),
  ].join(''),
})

const { org } = world
const body = (fields: Record<string, unknown> = {}) => ({
  ...{ org, object: 'Contact', source: { type: 'ids', ids: ids18(3) } },
  ...fields,
})

/** What came of a call with a key, as `<status> <code>`. */
async function outcomeOf(name: (typeof names)[number], path: string, options: CallOptions = {}) {
  const { status, json } = await api.call(path, { key: secrets[name], ...options })
  return json?.code === undefined ? String(status) : `${status} ${json.code}`
}

describe('a call', () => {
  test('without a key, or with none that is valid, is not let in', async () => {
    const path = `${PATH}?org=${org}`
    const without = await api.call(path)
    assert.deepEqual([without.status, without.json.code], [401, 'KEY_MISSING'])
    assert.match(without.headers.get('www-authenticate') ?? '', /^Bearer realm="expunge"/)
    const unknown = await api.call(path, { key: createSecret() })
    assert.deepEqual([unknown.status, unknown.json.code], [401, 'KEY_UNKNOWN'])
    const login = Buffer.from(`me:${secrets.boss}`).toString('base64')
    for (const authorization of [
      `Basic ${login}`,
      secrets.boss,
      `Bearer ${secrets.boss} x`,
      'Bearer',
    ]) {
      const { status } = await api.call(path, { headers: { Authorization: authorization } })
      assert.equal(status, 401)
    }
  })

  test('to a new org is let in once a worker works for it, by the keys for that org alone', async () => {
    const name = `${org}-new`
    const request = { json: body({ org: name }) }
    assert.equal(await outcomeOf('newcomer', PATH, request), '404 UNKNOWN_ORG')
    const known = world.config.orgs.get(org)
    assert.ok(known)
    await world.startWorker({ orgs: new Map([[name, { ...known, name }]]) })
    assert.equal(await outcomeOf('newcomer', PATH, request), '202')
    assert.equal(await outcomeOf('elsewhere', PATH, request), '403 ORG_NOT_ALLOWED')
    assert.equal(await outcomeOf('newcomer', PATH, { json: body() }), '403 ORG_NOT_ALLOWED')
    const unknown = { json: body({ org: name, object: 'Contract' }) }
    assert.equal(await outcomeOf('newcomer', PATH, unknown), '422 UNKNOWN_OBJECT')
  })

  test('may do what the roles of its key allow', async () => {
    assert.equal(await outcomeOf('crm', PATH, { json: body({ id: 'mine' }) }), '202')
    assert.equal(await outcomeOf('auditor', PATH, { json: body() }), '403 ROLE_MISSING')
    assert.equal(await outcomeOf('elsewhere', PATH, { json: body() }), '403 ORG_NOT_ALLOWED')
    const one = `${PATH}/mine?org=${org}`
    assert.equal(await outcomeOf('crm', one), '200')
    assert.equal(await outcomeOf('auditor', one), '200')
    assert.equal(await outcomeOf('small', one), '403 ROLE_MISSING')
    assert.equal(await outcomeOf('elsewhere', one), '403 ORG_NOT_ALLOWED')
    assert.equal(await outcomeOf('crm', `${PATH}?org=${org}`), '403 ROLE_MISSING')
    assert.equal(await outcomeOf('auditor', `${PATH}?org=${org}`), '200')
    const file = `${PATH}/mine/results/failed.csv?org=${org}`
    await receiptOf(world, 'mine')
    assert.equal(await outcomeOf('small', file), '403 ROLE_MISSING')
    assert.equal(await outcomeOf('crm', file), '404 NO_RESULT_FILE')
  })

  test('is answered within the objects of its key alone', async () => {
    const lead = body({
      id: 'a-lead',
      object: 'Lead',
      source: { type: 'ids', ids: ids18(3, 0, '00Q') },
    })
    assert.equal(await outcomeOf('boss', PATH, { json: lead }), '202')
    assert.equal(await outcomeOf('boss', PATH, { json: body({ id: 'a-contact' }) }), '202')
    await world.store.redis.hset(orgKeys(org).request('unreadable'), 'request', '{}')
    await world.store.redis.zadd(orgKeys(org).requests, Date.now(), 'unreadable')
    const listed = async (name: (typeof names)[number]) => {
      const { json } = await api.call(`${PATH}?org=${org}`, { key: secrets[name] })
      const ids = [...json.requests, ...json.unreadable].map(({ id }) => id)
      return ['a-lead', 'a-contact', 'unreadable'].filter((id) => ids.includes(id))
    }
    assert.deepEqual(await listed('auditor'), ['a-lead', 'a-contact', 'unreadable'])
    assert.deepEqual(await listed('leads'), ['a-lead'])
    for (const path of ['', '/a-contact', '/a-contact/results/failed.csv']) {
      const query = path === '' ? '&object=Contact' : ''
      const denied = await outcomeOf('leads', `${PATH}${path}?org=${org}${query}`)
      assert.equal(denied, '403 OBJECT_NOT_ALLOWED', path)
    }
    assert.equal(await outcomeOf('leads', `${PATH}/a-lead?org=${org}`), '200')
    assert.equal(await outcomeOf('leads', `${PATH}?org=${org}&object=Lead`), '200')
    await world.store.redis.zrem(orgKeys(org).requests, 'unreadable')
  })

  test('tells nobody whether an org exists that its key is not for', async () => {
    assert.equal(await outcomeOf('elsewhere', `${PATH}/any?org=nowhere`), '403 ORG_NOT_ALLOWED')
    assert.equal(await outcomeOf('elsewhere', `${PATH}/any?org=${org}`), '403 ORG_NOT_ALLOWED')
  })

  test('under an id of others learns of their request only what its key may read', async () => {
    const json = body({ id: 'theirs', source: { type: 'ids', ids: ids18(4, 900) } })
    assert.equal(await outcomeOf('boss', PATH, { json }), '202')
    const taken = async (name: (typeof names)[number]) => {
      const answer = await api.call(PATH, { key: secrets[name], json: body({ id: 'THEIRS' }) })
      assert.deepEqual([answer.status, answer.json.code], [409, 'ID_TAKEN'])
      return answer.json.detail
    }
    assert.match(await taken('boss'), /sha256.*\(Contact, /)
    assert.doesNotMatch(await taken('crm'), /Contact|queued|completed|bytes|sha256/)
  })

  test('asks for as many records as its key allows', async () => {
    assert.equal(await outcomeOf('small', PATH, { json: body() }), '403 TOO_MANY_RECORDS')
    const csv = { body: `Id\n${ids18(3).join('\n')}`, headers: { 'Content-Type': 'text/csv' } }
    const query = `${PATH}?org=${org}&object=Contact&id=many`
    assert.equal(await outcomeOf('small', `${query}&maxRecords=3`, csv), '403 TOO_MANY_RECORDS')
    assert.equal(await outcomeOf('small', query, csv), '202')
    const receipt = await receiptOf(world, 'many')
    assert.deepEqual([receipt.status, receipt.error?.code], ['refused', 'TOO_MANY_RECORDS'])
  })

  test('keeps to the operations, priorities and sources of its key, as JSON and as CSV', async () => {
    const hard = { operation: 'hardDelete', priority: 'low', dryRun: true }
    const post = (name: (typeof names)[number], fields: Record<string, unknown>) =>
      outcomeOf(name, PATH, { json: body(fields) })
    const csv = (name: (typeof names)[number], query: string) =>
      outcomeOf(name, `${PATH}?org=${org}&object=Contact&${query}`, {
        body: 'Id\n',
        headers: { 'Content-Type': 'text/csv' },
      })
    assert.equal(await post('crm', hard), '403 OPERATION_NOT_ALLOWED')
    assert.equal(await post('boss', hard), '403 OPERATION_NOT_ALLOWED', 'nor an admin unasked')
    assert.equal(await csv('crm', 'operation=hardDelete'), '403 OPERATION_NOT_ALLOWED')
    assert.equal(await post('once', hard), '202')
    assert.equal(await post('once', { ...hard, operation: 'delete' }), '403 OPERATION_NOT_ALLOWED')
    assert.equal(await post('once', { ...hard, priority: 'high' }), '403 PRIORITY_NOT_ALLOWED')
    assert.equal(await csv('once', 'operation=hardDelete'), '403 PRIORITY_NOT_ALLOWED')
    const file = (path: string) => ({ dryRun: true, source: { type: 'file', path } })
    assert.equal(await csv('filer', 'dryRun=true'), '403 SOURCE_NOT_ALLOWED')
    assert.equal(await post('filer', { dryRun: true }), '202')
    assert.equal(await post('filer', file(`${world.folder}/crm/a.csv`)), '202')
    for (const path of ['/shop/a.csv', '/crm2/a.csv', '/crm/../shop/a.csv', '']) {
      const answer = await post('filer', file(`${world.folder}${path}`))
      assert.equal(answer, '403 SOURCE_NOT_ALLOWED', path)
    }
    assert.equal(await post('filer', file('crm/a.csv')), '403 SOURCE_NOT_ALLOWED')
  })

  test('reads no file of others by a link in a folder of its own', async () => {
    await mkdir(join(world.folder, 'crm'))
    await mkdir(join(world.folder, 'shop'))
    await writeFile(join(world.folder, 'shop', 'ids.csv'), `Id\n${ids18(3).join('\n')}\n`)
    await symlink(join(world.folder, 'shop', 'ids.csv'), join(world.folder, 'crm', 'link.csv'))
    const json = body({
      id: 'by-link',
      source: { type: 'file', path: join(world.folder, 'crm', 'link.csv') },
    })
    assert.equal(await outcomeOf('filer', PATH, { json }), '202')
    const { status, error, plan } = await receiptOf(world, 'by-link')
    assert.deepEqual([status, error?.code, plan], ['refused', 'SOURCE_NOT_ALLOWED', null])
    const own = { ...json, id: 'by-boss' }
    assert.equal(await outcomeOf('boss', PATH, { json: own }), '202')
    assert.equal((await receiptOf(world, 'by-boss')).status, 'completed')
  })

  test('deletes no more than the budget of its key, in however many requests', async () => {
    const source = (n: number) => ({ type: 'ids', ids: ids18(n, 20_000) })
    const post = (id: string, n: number) =>
      api.call(PATH, { key: secrets.frugal, json: body({ id, source: source(n) }) })
    assert.equal((await post('first', 3)).status, 202)
    assert.equal((await post('first', 3)).status, 200, 'repeated, it costs nothing')
    const over = await post('second', 3)
    assert.deepEqual([over.status, over.json.code], [429, 'BUDGET_EXCEEDED'])
    assert.ok(Number(over.headers.get('retry-after')) > 3000, over.headers.get('retry-after') ?? '')
    const large = await post('large', 6)
    assert.deepEqual([large.status, large.json.code], [403, 'TOO_MANY_RECORDS'])
    assert.equal((await post('third', 2)).status, 202)
    const csv = { body: `Id\n${ids18(1)}\n`, headers: { 'Content-Type': 'text/csv' } }
    const query = `${PATH}?org=${org}&object=Contact&id=fourth`
    assert.equal(await outcomeOf('frugal', query, csv), '202')
    const receipt = await receiptOf(world, 'fourth')
    assert.deepEqual([receipt.status, receipt.error?.code], ['refused', 'BUDGET_EXCEEDED'])
    const denied = api.log.filter(({ audit, request }) => audit && request === 'second')
    assert.deepEqual(
      denied.map(({ denied }) => denied),
      ['BUDGET_EXCEEDED'],
    )
  })

  test('shows nobody more of a callback than where it leads', async () => {
    const callbackUrl = 'https://me:pw@hooks.example.com/T0/secret?token=hidden#x'
    const json = body({ id: 'told', callbackUrl, approval: 'required' })
    const submitted = await api.call(PATH, { key: secrets.crm, json })
    assert.equal(submitted.status, 202)
    const path = `${PATH}/told?org=${org}`
    const seen = await Promise.all([
      submitted,
      api.call(PATH, { key: secrets.crm, json }),
      api.call(path, { key: secrets.auditor }),
      api.call(path, { key: secrets.boss }),
      api.call(`${PATH}?org=${org}`, { key: secrets.auditor }),
      api.call(`${PATH}/told/cancel?org=${org}`, { key: secrets.boss, method: 'POST' }),
    ])
    for (const { text } of [...seen, { text: JSON.stringify(api.log) }]) {
      assert.doesNotMatch(text, /secret|hidden|me:pw/)
    }
    assert.equal(seen[2].json.request.callbackUrl, 'https://hooks.example.com/***')
  })

  test('that comes too often is told when to come again', async () => {
    const list = `${PATH}?org=${org}`
    for (let k = 0; k < 3; k++) assert.equal(await outcomeOf('hasty', list), '200')
    const answer = await api.call(list, { key: secrets.hasty })
    assert.deepEqual([answer.status, answer.json.code], [429, 'RATE_LIMITED'])
    const seconds = Number(answer.headers.get('retry-after'))
    assert.ok(seconds >= 1 && seconds <= 20, String(seconds))
  })
})

test('the plan of a dry run is applied by another key, as a new request of the same submitter', async () => {
  const json = body({ id: 'apply', dryRun: true })
  assert.equal((await api.call(PATH, { key: secrets.boss, json })).status, 202)
  const planned = await receiptOf(world, 'apply')
  const path = `${PATH}/apply/approve?org=${org}`
  const post = { method: 'POST' }
  assert.equal(await outcomeOf('boss', path, post), '403 OWN_REQUEST')
  const wrong = { json: { plan: 'f'.repeat(64) } }
  assert.equal(await outcomeOf('officer', path, wrong), '409 PLAN_CHANGED')
  const approval = { key: secrets.officer, json: { plan: planned.plan?.sha256 } }
  for (const _ of [1, 2]) {
    const { status, json } = await api.call(path, approval)
    assert.deepEqual([status, json.id, json.appliesPlanOf], [200, 'apply-apply', 'apply'])
  }
  const { status, submittedBy, approvedBy } = await receiptOf(world, 'apply-apply')
  assert.deepEqual(
    [status, submittedBy, approvedBy?.actor],
    ['completed', `boss-${org}`, `officer-${org}`],
  )
  const lines = api.log.filter(({ audit, request }) => audit && request === 'apply-apply')
  assert.equal(lines.length, 1)
})

test('rows that failed are retried by keys that may read and submit such a request', async () => {
  const ids = ids18(6, 50_000)
  const [first = '', second = ''] = ids
  world.sandbox.setRows({
    rules: [
      { code: 'DELETE_FAILED', ids: [first] },
      { code: 'INSUFFICIENT_ACCESS_OR_READONLY', ids: [second] },
    ],
  })
  const json = body({ id: 'Partly', reason: 'Art. 17', source: { type: 'ids', ids } })
  await api.call(PATH, { key: secrets.boss, json })
  assert.equal((await receiptOf(world, 'Partly')).status, 'incomplete')
  world.sandbox.setRows({ rules: [] })
  const path = `${PATH}/partly/retry?org=${org}`
  const post = { method: 'POST' }
  assert.equal(await outcomeOf('auditor', path, post), '403 ROLE_MISSING')
  assert.equal(await outcomeOf('leads', path, post), '403 OBJECT_NOT_ALLOWED')
  assert.equal(await outcomeOf('crm', path, post), '403 ROLE_MISSING')
  const retrying = (more: object, key = secrets.boss) => api.call(path, { key, json: more })
  for (const [wrong, expected] of [
    [{ code: ['X'] }, '409 NOTHING_TO_RETRY'],
    [{ only: 'unprocessed' }, '409 NOTHING_TO_RETRY'],
    [{ only: 'unprocessed', code: ['X'] }, '409 NOTHING_TO_RETRY'],
    [{ only: 'deleted' }, '422 INVALID_REQUEST'],
    [{ as: '../x' }, '422 INVALID_REQUEST'],
    [{ as: 'Partly' }, '409 ID_TAKEN'],
  ] as const) {
    const { status, json } = await retrying(wrong)
    assert.equal(`${status} ${json.code}`, expected, JSON.stringify(wrong))
  }
  for (const [expected, more] of [
    [202, {}],
    [200, { only: 'failed' }],
  ] as const) {
    const { status, json, headers } = await retrying(more)
    assert.deepEqual(
      [status, json.id, json.request.retryOf],
      [expected, 'Partly-retry-1', 'Partly'],
    )
    assert.equal(headers.get('location'), `${PATH}/Partly-retry-1?org=${org}`)
  }
  const receipt = await receiptOf(world, 'Partly-retry-1')
  assert.deepEqual(
    [receipt.status, receipt.reason, receipt.submittedBy, receipt.outcome?.deleted],
    ['completed', 'Art. 17', `boss-${org}`, 2],
  )
  const some = await retrying({ code: ['DELETE_FAILED'], as: 'some', reason: 'again' })
  assert.deepEqual([some.status, some.json.request.reason], [202, 'again'])
  assert.equal((await receiptOf(world, 'some')).plan?.accepted, 1)
  const early = await api.call(`${PATH}/nothing/retry?org=${org}`, { key: secrets.boss, ...post })
  assert.equal(early.json.code, 'UNKNOWN_REQUEST')
  await truncate(join(world.results, org, 'Partly', 'failed.csv'), 10)
  const lost = await retrying({ as: 'lost' })
  assert.equal(`${lost.status} ${lost.json.code}`, '503 RESULT_FILE_LOST')
  assert.equal(await world.store.ledger.load('lost'), null)
  const audited = api.log.filter(({ audit, denied }) => audit === 'submit' && !denied)
  assert.deepEqual(
    audited.map(({ request }) => request).filter((id) => /^(some|Partly.*)$/.test(String(id))),
    ['Partly', 'Partly-retry-1', 'some'],
  )
})

test('a key retries its own retries without the right to upload, within its limit', async () => {
  const ids = ids18(3, 60_000)
  world.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids }] })
  const json = body({ id: 'twice', source: { type: 'ids', ids }, maxRecords: 3 })
  await api.call(PATH, { key: secrets.filer, json })
  await receiptOf(world, 'twice')
  const retry = (id: string) => `${PATH}/${id}/retry?org=${org}`
  const post = { method: 'POST' }
  assert.equal(await outcomeOf('filer', retry('twice'), post), '202')
  await receiptOf(world, 'twice-retry-1')
  assert.equal(await outcomeOf('filer', retry('twice-retry-1'), post), '202')
  await receiptOf(world, 'twice-retry-2')
  // The retry of another key is an upload like any other.
  const other = { key: secrets.boss, json: { as: 'others' } }
  assert.equal((await api.call(retry('twice'), other)).status, 202)
  await receiptOf(world, 'others')
  assert.equal(await outcomeOf('reader', retry('others'), post), '403 SOURCE_NOT_ALLOWED')
  const limited = await api.call(retry('others'), { key: secrets.limited, ...post })
  assert.deepEqual([limited.status, limited.json.request.maxRecords], [202, 2])
  world.sandbox.setRows({ rules: [] })
})

test('a plan is approved by another key than the one that submitted it', async () => {
  const json = body({ id: 'four-eyes', approval: 'required' })
  const submitted = await api.call(PATH, { key: secrets.boss, json })
  assert.equal(submitted.json.submittedBy, `boss-${org}`)
  await statusReached(world, 'four-eyes', 'awaiting-approval')
  const path = `${PATH}/four-eyes/approve?org=${org}`
  const post = { method: 'POST' }
  assert.equal(await outcomeOf('boss', path, post), '403 OWN_REQUEST')
  assert.equal(await outcomeOf('crm', path, post), '403 ROLE_MISSING')
  assert.equal(
    await outcomeOf('crm', `${PATH}/four-eyes/cancel?org=${org}`, post),
    '403 ROLE_MISSING',
  )
  const approved = { json: { reason: 'looked at' } }
  assert.equal(await outcomeOf('officer', path, approved), '200')
  assert.equal((await receiptOf(world, 'four-eyes')).status, 'completed')
  const lines = api.log.filter(
    ({ audit, request }) => audit !== undefined && request === 'four-eyes',
  )
  assert.deepEqual(
    lines.map(({ audit, key, denied, reason }) => ({ audit, key, denied, reason })),
    [
      ['submit', 'boss', undefined, null],
      ['approve', 'boss', 'OWN_REQUEST', null],
      ['approve', 'crm', 'ROLE_MISSING', null],
      ['cancel', 'crm', 'ROLE_MISSING', null],
      ['approve', 'officer', undefined, 'looked at'],
    ].map(([audit, key, denied, reason]) => ({ audit, key: `${key}-${org}`, denied, reason })),
  )
})

test('to try a submission without the role leaves a line, though its body is not read', async () => {
  const headers = { 'X-Request-Id': 'edge-denied' }
  assert.equal(await outcomeOf('auditor', PATH, { json: body(), headers }), '403 ROLE_MISSING')
  const lines = api.log.filter((line) => line['audit'] && line['httpRequestId'] === 'edge-denied')
  assert.deepEqual(
    lines.map(({ audit, key, denied, org, request }) => ({ audit, key, denied, org, request })),
    [...[{ audit: 'submit', key: `auditor-${org}`, denied: 'ROLE_MISSING' }]].map((line) => ({
      ...line,
      org: null,
      request: null,
    })),
  )
})

test('every call is logged with its key and what was wrong with it', async () => {
  const lineOf = async (answer: Promise<Answer>) => {
    const id = (await answer).headers.get('x-request-id')
    const isIts = (line: Record<string, unknown>) =>
      line['msg'] === 'Call answered.' && line['httpRequestId'] === id
    await until({ signal: AbortSignal.timeout(10_000) }, async () => api.log.some(isIts))
    const { key, code, status } = api.log.find(isIts) ?? {}
    return [status, key, code]
  }
  const list = `${PATH}?org=${org}`
  const own = await lineOf(api.call(list, { key: secrets.auditor }))
  assert.deepEqual(own, [200, `auditor-${org}`, undefined])
  const denied = await lineOf(api.call(list, { key: secrets.crm }))
  assert.deepEqual(denied, [403, `crm-${org}`, 'ROLE_MISSING'])
  const unknown = await lineOf(api.call(list, { key: createSecret() }))
  assert.deepEqual(unknown, [401, undefined, 'KEY_UNKNOWN'])
})

test('no key, nor any part of its hash, is ever logged', () => {
  const text = JSON.stringify(api.log)
  for (const secret of Object.values(secrets)) assert.equal(text.includes(secret), false)
})

describe('the dashboard', () => {
  const basic = (name: (typeof names)[number]) => ({
    headers: {
      Authorization: `Basic ${Buffer.from(`anybody:${secrets[name]}`).toString('base64')}`,
    },
  })

  test('asks a browser for an admin key, and shows nothing without', async () => {
    const page = await api.call('/queues')
    assert.equal(page.status, 401)
    assert.match(page.headers.get('www-authenticate') ?? '', /^Basic realm="expunge"/)
    for (const path of ['/queues', '/queues/api/queues']) {
      assert.equal((await api.call(path, basic('auditor'))).status, 403)
      assert.equal((await api.call(path, basic('elsewhere'))).status, 403)
      assert.equal((await api.call(path, basic('leads'))).status, 403)
    }
  })

  test('shows every queue, and asks no other host for anything', async () => {
    const page = await api.call('/queues', basic('boss'))
    assert.equal(page.status, 200)
    assert.doesNotMatch(page.text, /https?:\/\//)
    assert.match(
      page.headers.get('content-security-policy') ?? '',
      /default-src 'none'; script-src 'self'/,
    )
    const [, script = ''] = /<script defer src="([^"]+)"/.exec(page.text) ?? []
    assert.equal((await api.call(`/queues/${script}`, basic('boss'))).status, 200)
    const { json } = await api.call('/queues/api/queues', basic('boss'))
    const queues: { name: string; readOnlyMode: boolean }[] = json.queues
    assert.ok(queues.some(({ name }) => name === `${org}: requests`))
    assert.ok(queues.every(({ readOnlyMode }) => readOnlyMode))
  })

  test('shows no id, reason or callback of what other systems enqueue', async () => {
    const data = body({ reason: 'Jane Doe', callbackUrl: 'https://hooks.example.com/secret' })
    await (await world.store.queues()).requests.add('deletion-request', data, { delay: 3600_000 })
    const active = encodeURIComponent(`${org}: requests`)
    const { text, json } = await api.call(`/queues/api/queues?activeQueue=${active}`, basic('boss'))
    assert.doesNotMatch(text, /Jane|secret|003[A-Za-z0-9]{12}/)
    const queue = json.queues.find(({ name }: { name: string }) => name === `${org}: requests`)
    const own = queue.jobs.find(({ name }: { name: string }) => name === 'deletion-request')
    assert.deepEqual(own.data, { org, object: 'Contact' })
  })

  test('changes nothing', async () => {
    const queue = encodeURIComponent(`${org}: requests`)
    for (const action of ['pause', 'empty', 'clean/failed', 'add']) {
      const path = `/queues/api/queues/${queue}/${action}`
      for (const method of ['PUT', 'POST']) {
        const { status } = await api.call(path, { method, ...basic('boss') })
        assert.ok(status === 405 || status === 404, `${method} ${action}: ${status}`)
      }
    }
    assert.equal(await (await world.store.queues()).requests.isPaused(), false)
  })
})

test('a key file that cannot be used keeps the service from starting', async (t) => {
  await assert.rejects(startApi(t, world, { redis, keys: 'crm: { roles: [submit] }' }), ConfigError)
})

describe('a service without keys', () => {
  test('listens on loopback alone', async (t) => {
    await assert.rejects(startApi(t, world, { redis, host: '0.0.0.0' }), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, /^http\.keys: missing; .* not on 0\.0\.0\.0/)
      return true
    })
  })

  test('is deaf to other web pages in a browser of the same machine', async (t) => {
    const open = await startApi(t, world, { redis })
    const cancelled = async (headers: Record<string, string>) => {
      const path = `${PATH}/four-eyes/cancel?org=${org}`
      const { status, json } = await open.call(path, { method: 'POST', headers })
      return `${status} ${json.code}`
    }
    for (const [name, value] of [
      ['Sec-Fetch-Site', 'cross-site'],
      ['Sec-Fetch-Site', 'same-site'],
      ['Origin', 'http://evil.example'],
      ['Origin', `${open.url}0`],
      ['Origin', 'null'],
    ] as const) {
      assert.equal(await cancelled({ [name]: value }), '403 FOREIGN_ORIGIN', value)
    }
    // Only now is it looked at: it was over long before.
    assert.equal(await cancelled({ Origin: open.url }), '409 ALREADY_OVER')
    const lines = [`GET ${PATH}?org=${org} HTTP/1.1`, 'Host: evil.example', 'Connection: close']
    const rebound = await rawCall(open.url, `${lines.join('\r\n')}\r\n\r\n`)
    assert.match(rebound, /^HTTP\/1\.1 403 .*FOREIGN_ORIGIN/s)
  })

  test('lets its one caller approve what it has submitted', async (t) => {
    const open = await startApi(t, world, { redis })
    await open.call(PATH, { json: body({ id: 'alone', approval: 'required' }) })
    await statusReached(world, 'alone', 'awaiting-approval')
    const answer = await open.call(`${PATH}/alone/approve?org=${org}`, { method: 'POST' })
    assert.equal(answer.status, 200, answer.text)
  })
})
