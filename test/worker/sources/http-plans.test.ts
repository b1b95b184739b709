import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { after, test } from 'node:test'
import { createLogger } from '../../../src/shared/base/logger.ts'
import { NO_SOURCES } from '../../helpers/config.ts'
import { receiptOf } from '../../helpers/deletion.ts'
import { serveObject } from '../../helpers/http-object.ts'
import { listenHere } from '../../helpers/http-server.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld } from '../../helpers/world.ts'
import { describePlans } from './conformance-plans.ts'

const redis = await startRedis({ after })
const listeners: RequestListener[] = []
const server = createServer((request, response) => {
  const listener = listeners[Number(/\d+/.exec(request.url ?? '')?.[0])]
  if (request.headers.authorization !== 'Bearer hunter2') response.writeHead(401).end()
  else listener?.(request, response)
})
const origin = await listenHere({ after }, server)

const sourceOf = (listener: RequestListener) => ({
  source: { type: 'http', url: `${origin}/${listeners.push(listener) - 1}.csv` } as const,
})

const settings = () => ({
  ...NO_SOURCES,
  origins: new Map([[origin, { headers: { authorization: 'Bearer hunter2' } }]]),
})

describePlans('http', {
  redis,
  settings,
  secrets: ['hunter2'],
  of: async (_, bytes) => {
    const cutAfter = bytes.length / 2
    const cut = (n: number) => (n === 0 && bytes.length > 1000 ? { cutAfter } : {})
    return sourceOf(serveObject((n) => ({ bytes, etag: '"v1"', ...cut(n) })).listener)
  },
  breaking: async (_, bytes) => {
    const first = { bytes, etag: '"v1"', cutAfter: bytes.length / 2 }
    const { listener } = serveObject((n) => (n === 0 ? first : { bytes, etag: '"v2"' }))
    return { ...sourceOf(listener), code: 'SOURCE_CHANGED' }
  },
  stalling: async (_, bytes) =>
    sourceOf((_, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, bytes.length / 2))
    }),
  open: async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return new Promise((resolve, reject) =>
      server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    )
  },
})

test('the query of a URL is in the record for the worker, and shown to nobody', async (t) => {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLogger({ level: 'trace', destination })
  const world = await startWorld(t, { redis, log })
  await world.startWorker({ sources: settings() })
  const { org, producer, store } = world
  for (const [path, code] of [
    ['missing.csv', 'SOURCE_NOT_FOUND'],
    ['page.html', 'NOT_TEXT'],
    ['list.csv', undefined],
  ] as const) {
    const listener: RequestListener = ({ url = '' }, response) => {
      assert.match(url, /\?signature=hunter3$/)
      if (path === 'missing.csv') response.writeHead(404).end()
      else response.end(path === 'page.html' ? '<!doctype html><form>' : ids18(3).join('\n'))
    }
    const { source } = sourceOf(listener)
    const url = `${source.url}?signature=hunter3`
    const request = { org, object: 'Contact', source: { ...source, url }, dryRun: true }
    const { id } = (await producer.submit(request)).request
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.error?.code, code)
    assert.ok((await store.redis.hget(store.ledger.keys.request(id), 'request'))?.includes(url))
    const shown = JSON.stringify([await producer.inspect(id, { org }), receipt])
    assert.ok(shown.includes(`${source.url}?***`) && !shown.includes('hunter'), shown)
  }
  assert.ok(lines.length > 0 && !lines.join('').includes('hunter'))
})
