import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { endsWithin } from '../../src/shared/base/race.ts'
import { openOrgStore } from '../../src/shared/store/org-store.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import { callAt, openCall, PATH, until } from './http/api.ts'
import { type Service, startServiceHere, startServiceProcess } from './http/process.ts'

/** The HTTP service, which is told to stop and outlives its Redis; as a process where that counts. */

const redis = await startRedis({ after })

const READY = 'Producer started.'

async function settings(t: TestContext, to: TestRedis = redis): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-producer-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return { REDIS_URL: to.url, EXPUNGE_RESULTS: join(folder, 'results') }
}

async function started<S extends Service>(service: S) {
  const { url: status } = await service.logged('Serving /metrics, /healthz and /readyz.')
  const { url } = await service.logged(READY)
  return { ...service, url: String(url), status: String(status) }
}

const statusOf = async (url: string, path: string) => (await fetch(new URL(path, url))).status

const csv = (id: string) =>
  [
    `POST ${PATH}?object=Contact&id=${id} HTTP/1.1`,
    ...['Host: localhost', 'Connection: close'],
    ...['Content-Type: text/csv', 'Transfer-Encoding: chunked', '', ''],
  ].join('\r\n')
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

describe('a producer process', { concurrency: true }, () => {
  test('that is told to stop ends what is in flight, and takes nothing new', async (t) => {
    const own = await startRedis(t, {})
    const service = await started(startServiceProcess(t, await settings(t, own)))
    assert.equal(await statusOf(service.status, '/healthz'), 200)
    assert.equal(await statusOf(service.status, '/readyz'), 200)
    const upload = openCall(service.url, csv('in-flight'))
    upload.write(chunk(`Id\n${ids18(100_000).join('\n')}\n`))
    await staged(t, own.url)
    service.child.kill('SIGTERM')
    await service.logged('Waiting for calls in flight.')
    await assert.rejects(fetch(new URL(PATH, service.url)))
    upload.write('0\r\n\r\n')
    assert.match(await upload.answer, /^HTTP\/1\.1 202 /)
    assert.deepEqual(await service.ended, [0, null])
  })

  test('starts without its Redis, and serves once that is there', async (t) => {
    const own = await startRedis(t, {})
    await own.kill()
    const service = startServiceHere(t, await settings(t, own))
    const { url: status, redis: named } = await service.logged(
      'Serving /metrics, /healthz and /readyz.',
    )
    assert.equal(named, own.url)
    await service.logged('Waiting for Redis.')
    assert.equal(await statusOf(String(status), '/healthz'), 200)
    assert.equal(await statusOf(String(status), '/readyz'), 503)
    await own.restart()
    const { url } = await service.logged(READY)
    const json = { id: 'a', object: 'Contact', source: { type: 'ids', ids: ids18(1) } }
    assert.equal((await callAt(String(url), PATH, { json })).status, 202)
    assert.equal(await statusOf(String(status), '/readyz'), 200)
    await own.kill()
    assert.equal(await statusOf(String(status), '/readyz'), 503)
    assert.equal(await statusOf(String(status), '/healthz'), 200)
    service.signal('SIGTERM')
    assert.deepEqual(await service.ended, [0, null])
  })

  test('that is stopped before its Redis has answered leaves no connection behind', async (t) => {
    const closed: Promise<unknown>[] = []
    const silent = createServer((socket) => {
      closed.push(once(socket.resume(), 'close'))
    }).listen(0, '127.0.0.1')
    t.after(() => silent.close())
    await once(silent, 'listening')
    const address = silent.address()
    assert.ok(typeof address === 'object' && address !== null)
    const url = `redis://127.0.0.1:${address.port}`
    const service = startServiceHere(t, { ...(await settings(t)), REDIS_URL: url })
    await until(t, async () => closed.length === 2)
    service.signal('SIGTERM')
    assert.deepEqual(await service.ended, [0, null])
    assert.ok(await endsWithin(Promise.all(closed), 1000), 'a connection is still open')
  })

  test('waits for a Redis that answers and takes no writes yet', async (t) => {
    const own = await startRedis(t, { args: ['--min-replicas-to-write', '1'] })
    const service = startServiceHere(t, await settings(t, own))
    const { code } = await service.logged('Waiting for Redis.')
    assert.equal(code, 'REDIS_NOT_WRITING')
    const redis = connectRedis({ kind: 'url', url: own.url }, 'fail-fast', () => {})
    t.after(() => redis.disconnect())
    await redis.config('SET', 'min-replicas-to-write', '0')
    await service.logged(READY)
    service.signal('SIGTERM')
    assert.deepEqual(await service.ended, [0, null])
  })

  test('that waits for its Redis can be told to stop', async (t) => {
    const own = await startRedis(t, {})
    await own.kill()
    const service = startServiceHere(t, await settings(t, own))
    await service.logged('Waiting for Redis.')
    service.signal('SIGINT')
    assert.deepEqual(await service.ended, [0, null])
  })

  test('with settings that cannot be, says which and ends before it has begun', async (t) => {
    const service = startServiceHere(t, {
      ...(await settings(t)),
      EXPUNGE_HTTP_HOST: '0.0.0.0',
    })
    assert.deepEqual(await service.ended, [2, null])
    assert.match(service.said(), /http\.keys: missing; .*loopback/)
  })

  test('whose result files are not those of the others refuses to start', async (t) => {
    const own = await startRedis(t, {})
    const first = await started(startServiceHere(t, await settings(t, own)))
    first.signal('SIGTERM')
    await first.ended
    const second = startServiceHere(t, await settings(t, own))
    assert.deepEqual(await second.ended, [2, null])
    assert.match(second.said(), /keeps its results in .*results, store /)
  })

  test('holds no more of 100 MB of ids than of a few', async (t) => {
    const own = await startRedis(t, {})
    const service = await started(startServiceProcess(t, await settings(t, own)))
    const send = (id: string, bytes: number, between: () => Promise<void>) =>
      callAt(service.url, `${PATH}?object=Contact&id=${id}`, {
        body: idsOf(bytes, between),
        headers: { 'Content-Type': 'text/csv' },
      })
    // Warm: what a process needs for any upload at all.
    assert.equal((await send('few', 10_000_000, async () => {})).status, 202)
    const before = await residentBytes(service.status)
    let most = 0
    const answer = await send('many', 100_000_000, async () => {
      most = Math.max(most, await residentBytes(service.status))
    })
    assert.equal(answer.status, 202, answer.text)
    const grown = most - before
    assert.ok(grown < 40_000_000, `${before} bytes before, ${most} at most: ${grown} more`)
    assert.ok(most > 0)
  })
})

/** Resolves once the first frame of an upload is in Redis. */
async function staged(t: TestContext, url: string): Promise<void> {
  const redis = connectRedis({ kind: 'url', url }, 'wait', () => {})
  const store = openOrgStore(redis, 'default', () => {})
  await until(t, async () => (await store.staging.lots()).length > 0)
  await store.close()
  redis.disconnect()
}

/** As a CSV of one column; `between` is called every 10 MB. */
async function* idsOf(bytes: number, between: () => Promise<void>): AsyncGenerator<Buffer> {
  // The same over and over: what is staged is not looked at before it is planned.
  const block = Buffer.from(`${ids18(10_000).join('\n')}\n`)
  for (let sent = 0, k = 1; sent < bytes; sent += block.length, k++) {
    yield block
    if (k % 50 === 0) await between()
  }
}

async function residentBytes(status: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', status))).text()
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1])
}
