import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { createSecret } from '../../../src/producer/http/key-secret.ts'
import { LIMITS } from '../../../src/producer/http/limits.ts'
import { REQUEST_BYTES } from '../../../src/shared/contract/request.ts'
import { receiptOf } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { keyEntry, openCall, PATH, rawCall, startApi, until } from './api.ts'

/** What one caller takes is never all that there is. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis })
await world.startWorker()
const { org } = world
const [greedy, modest] = [createSecret(), createSecret()]
const fast = ', requestsPerMinute: 60000'
const api = await startApi(scope, world, {
  redis,
  keys:
    keyEntry(`greedy-${org}`, greedy, { roles: 'admin', more: fast }) +
    keyEntry(`modest-${org}`, modest, { roles: 'admin', more: fast }),
})

const open = (key: string, path: string, ...headers: readonly string[]) =>
  openCall(
    api.url,
    [
      `${path} HTTP/1.1`,
      ...['Host: localhost', 'Connection: close', `Authorization: Bearer ${key}`],
      ...headers,
      ...['', ''],
    ].join('\r\n'),
  )
const upload = (key: string, id: string) =>
  open(
    key,
    `POST ${PATH}?org=${org}&object=Contact&dryRun=true&id=${id}`,
    ...['Content-Type: text/csv', 'Transfer-Encoding: chunked'],
  )
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

const list = (id: string) => ({
  ...{ org, id, object: 'Contact', dryRun: true },
  source: { type: 'ids', ids: ids18(3) },
})

async function served(key: string, id: string): Promise<void> {
  const { status, text } = await api.call(PATH, { key, json: list(id) })
  assert.equal(status, 202, text)
}

describe('a key', () => {
  test('has a share of the uploads, and leaves the others to others', async (t) => {
    const calls = Array.from({ length: LIMITS.uploads.perKey }, (_, n) => upload(greedy, `up-${n}`))
    const text = chunk(`Id\n${ids18(60_000).join('\n')}\n`)
    for (const [n, call] of calls.entries()) {
      call.write(text)
      await until(t, async () => isStaged(`up-${n}`))
    }
    const late = await upload(greedy, 'late').problem
    assert.match(late, /^HTTP\/1\.1 429 .*retry-after: \d.*"TOO_MANY_AT_ONCE"/is)
    await served(greedy, 'a-list')
    const other = upload(modest, 'other')
    other.write(`${chunk(`Id\n${ids18(3).join('\n')}\n`)}0\r\n\r\n`)
    assert.match(await other.answer, /^HTTP\/1\.1 202 /)
    assert.equal((await receiptOf(world, 'other')).status, 'planned')
    for (const call of calls) call.write('0\r\n\r\n')
    for (const call of calls) assert.match(await call.answer, /^HTTP\/1\.1 202 /)
    await until(t, async () => {
      const again = upload(greedy, 'late')
      again.write(`${chunk('Id\n')}0\r\n\r\n`)
      return /^HTTP\/1\.1 202 /.test(await again.answer)
    })
  })

  test('has a share of the JSON that comes in', async () => {
    const json = ['Content-Type: application/json', `Content-Length: ${REQUEST_BYTES}`]
    const most = LIMITS.jsonBytes.perKey / REQUEST_BYTES
    const calls = Array.from({ length: most + 1 }, () => open(greedy, `POST ${PATH}`, ...json))
    for (const call of calls) call.write(' '.repeat(REQUEST_BYTES - 1))
    const first = await Promise.race(calls.map(({ problem }) => problem))
    assert.match(first, /^HTTP\/1\.1 429 .*"TOO_MANY_AT_ONCE"/s)
    await served(modest, 'among-bodies')
    for (const call of calls) call.end()
    await Promise.all(calls.map(({ answer }) => answer))
  })

  test('has so many calls at once, and gets them back however they end', async (t) => {
    const bodiless = ['Content-Type: application/json', 'Content-Length: 1']
    const calls = Array.from({ length: LIMITS.calls.perKey + 1 }, () =>
      open(greedy, `POST ${PATH}`, ...bodiless),
    )
    const first = await Promise.race(calls.map(({ problem }) => problem))
    assert.match(first, /^HTTP\/1\.1 429 .*"TOO_MANY_AT_ONCE"/s)
    await served(modest, 'among-calls')
    for (const call of calls) call.end()
    await Promise.all(calls.map(({ answer }) => answer))
    const again = Array.from({ length: LIMITS.calls.perKey }, () =>
      api.call(`${PATH}/among-calls?org=${org}`, { key: greedy }),
    )
    await until(t, async () => (await api.call('/openapi.json')).status === 200)
    for (const answer of await Promise.all(again)) assert.equal(answer.status, 200)
  })

  test('has so many pages of the list read at once, and gets them back', async () => {
    const page = (key: string) => api.call(`${PATH}?org=${org}&status=failed`, { key })
    const pages = Array.from({ length: LIMITS.calls.perKey / 2 }, () => page(greedy))
    const other = await page(modest)
    assert.equal(other.status, 200, other.text)
    const codes = (await Promise.all(pages)).map(({ status, json }) => json.code ?? status)
    assert.deepEqual(new Set(codes), new Set([200, 'TOO_MANY_AT_ONCE']))
    const again = await Promise.all(Array.from({ length: LIMITS.pages.perKey }, () => page(greedy)))
    for (const { status, text } of again) assert.equal(status, 200, text)
  })

  test('sends no more for a reason than a reason needs', async () => {
    await served(greedy, 'short')
    const path = `${PATH}/short/cancel?org=${org}`
    const long = await api.call(path, {
      key: greedy,
      json: { reason: 'x'.repeat(LIMITS.actionBytes) },
    })
    assert.deepEqual([long.status, long.json.code], [413, 'BODY_TOO_LARGE'])
  })
})

describe('who has no valid key', () => {
  const wrong = () => api.call(`${PATH}?org=${org}`, { key: createSecret() })

  test('is soon told to come less often, and keeps nobody out', async (t: TestContext) => {
    const codes = new Set<string>()
    await until(t, async () => {
      const { status, json, headers } = await wrong()
      codes.add(`${status} ${json.code}`)
      if (status !== 429) return false
      assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
      return true
    })
    assert.deepEqual([...codes], ['401 KEY_UNKNOWN', '429 RATE_LIMITED'])
    await served(modest, 'beside-strangers')
  })

  test('has no body of theirs read', async () => {
    const json = 'Content-Type: application/json\r\nContent-Length: 4000000'
    for (const path of [PATH, '/nowhere']) {
      const call = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${json}\r\nConnection: close\r\n\r\n`
      const { problem, end } = openCall(api.url, `${call}[[[[`)
      assert.match(await problem, /^HTTP\/1\.1 4(?:01|04|29) /)
      end()
    }
    assert.match(await rawCall(api.url, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 302 /)
  })
})

async function isStaged(id: string): Promise<boolean> {
  return (await world.store.staging.lots()).some(({ request }) => request === id)
}
