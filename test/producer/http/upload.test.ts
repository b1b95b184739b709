import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { stagedBytes } from '../../helpers/staged-bytes.ts'
import { startWorld } from '../../helpers/world.ts'
import { PATH, rawCall, startApi } from './api.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
const { org } = world
const api = await startApi(scope, world, { redis })

const csv = `Id\n${ids18(3).join('\n')}\n`
const UPLOADS = `${PATH}/csv`

/** As the bytes say it: clients of their own add a type. */
const raw = (path: string, ...lines: readonly string[]) =>
  rawCall(
    api.url,
    [
      `POST ${path} HTTP/1.1`,
      ...['Host: localhost', 'Connection: close', `Content-Length: ${csv.length}`],
      ...lines,
      '',
      csv,
    ].join('\r\n'),
  )

const query = (id: string) => `?org=${org}&object=Contact&id=${id}&dryRun=true`

describe('the path for uploads', () => {
  const types = [
    null,
    'text/csv',
    'Text/CSV; charset=utf-8',
    'text/plain',
    'application/octet-stream',
  ]
  for (const [k, type] of types.entries()) {
    test(`takes a CSV of ${type ?? 'no type at all'}`, async () => {
      const id = `typed-${k}`
      const lines = type === null ? [] : [`Content-Type: ${type}`]
      const answer = await raw(UPLOADS + query(id), ...lines)
      assert.match(answer, /^HTTP\/1\.1 202 /)
      assert.match(answer, new RegExp(`\r\nlocation: ${PATH}/${id}\\?org=${org}\r\n`))
      assert.equal(await stagedBytes(world.store, id), csv)
    })
  }

  test('takes nothing else', async () => {
    for (const type of [
      'application/json',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      assert.match(
        await raw(UPLOADS + query('other'), `Content-Type: ${type}`),
        /^HTTP\/1\.1 415 .*"MEDIA_TYPE_NOT_SUPPORTED"/s,
        type,
      )
    }
    assert.equal(await world.producer.inspect('other', { org }), null)
  })

  test('is no other way than by content type: the same request is there already', async () => {
    const path = query('both-ways')
    assert.match(await raw(UPLOADS + path), /^HTTP\/1\.1 202 /)
    assert.match(await raw(PATH + path, 'Content-Type: text/csv'), /^HTTP\/1\.1 200 /)
    assert.match(await raw(PATH + path), /^HTTP\/1\.1 415 /)
  })

  test('is where a request of that id is looked at, and else only for uploads', async () => {
    const look = () => api.call(`${UPLOADS}?org=${org}`)
    const none = await look()
    assert.deepEqual([none.status, none.json.code], [405, 'METHOD_NOT_ALLOWED'])
    assert.equal(none.headers.get('allow'), 'POST')
    assert.match(await raw(UPLOADS + query('csv')), /^HTTP\/1\.1 202 /)
    const { status, json } = await look()
    assert.deepEqual([status, json.id], [200, 'csv'])
  })

  test('takes labels one by one, by which requests can be listed', async () => {
    const upload = (id: string, labels: string) =>
      api.call(`${UPLOADS}${query(id)}${labels}`, { body: csv })
    const listed = async (labels: string) => {
      const { json } = await api.call(`${PATH}?org=${org}${labels}`)
      return json.requests?.map(({ id }: { id: string }) => id) ?? json.errors
    }
    const { status, json } = await upload('both', '&label=team=crm&label=note=a%3Db%2C%20c')
    assert.deepEqual([status, json.request?.labels], [202, { team: 'crm', note: 'a=b, c' }])
    assert.equal((await upload('team', '&label=team=crm')).status, 202)
    assert.deepEqual(await listed('&label=team=crm'), ['team', 'both'])
    assert.deepEqual(await listed('&label=team=crm&label=note=a=b,%20c'), ['both'])
    assert.deepEqual(await listed('&label=team=cr'), [])

    const field = 'label.team'
    const message = 'expected one text, as in ticket=4711'
    for (const wrong of ['&label=team', '&label=team=a&label=team=b']) {
      const refused = await upload('wrong', wrong)
      assert.deepEqual([refused.status, refused.json.errors], [422, [{ field, message }]])
      assert.deepEqual(await listed(wrong), [{ field, message }])
    }
    const { json: other } = await upload('wrong', '&label=team=a&labels=b')
    assert.deepEqual(other.errors?.[0]?.field, 'labels')
  })

  test('reads numbers as JSON has them', async () => {
    const ratio = async (text: string) => {
      const path = `${UPLOADS}?org=${org}&object=Contact&dryRun=true&maxFailureRatio=${text}`
      const { status, json } = await api.call(path, { body: csv })
      return [status, json.request?.maxFailureRatio]
    }
    assert.deepEqual(await ratio('5e-1'), [202, 0.5])
    assert.deepEqual(await ratio('null'), [202, null])
    assert.deepEqual(await ratio('0x1'), [422, undefined])
    assert.deepEqual(await ratio('-1'), [422, undefined])
  })
})
