import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createSecret } from '../../../src/producer/http/key-secret.ts'
import { ConfigError } from '../../../src/shared/errors.ts'
import { orgKeys } from '../../../src/shared/ledger/keys.ts'
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

const names = ['crm', 'officer', 'auditor', 'boss', 'small', 'elsewhere', 'hasty', 'leads'] as const
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
    named('leads', { roles: 'admin', objects: '[Lead]' }),
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

  test('asks for as many records as its key allows', async () => {
    assert.equal(await outcomeOf('small', PATH, { json: body() }), '403 TOO_MANY_RECORDS')
    const csv = { body: `Id\n${ids18(3).join('\n')}`, headers: { 'Content-Type': 'text/csv' } }
    const query = `${PATH}?org=${org}&object=Contact&id=many`
    assert.equal(await outcomeOf('small', `${query}&maxRecords=3`, csv), '403 TOO_MANY_RECORDS')
    assert.equal(await outcomeOf('small', query, csv), '202')
    const receipt = await receiptOf(world, 'many')
    assert.deepEqual([receipt.status, receipt.error?.code], ['refused', 'TOO_MANY_RECORDS'])
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

  test('changes nothing', async () => {
    const queue = encodeURIComponent(`${org}: requests`)
    for (const action of ['pause', 'empty', 'clean/failed', 'add']) {
      const path = `/queues/api/queues/${queue}/${action}`
      for (const method of ['PUT', 'POST']) {
        const { status } = await api.call(path, { method, ...basic('boss') })
        assert.ok(status === 405 || status === 404, `${method} ${action}: ${status}`)
      }
    }
    assert.equal(await world.store.queues.requests.isPaused(), false)
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
