import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { Registry } from 'prom-client'
import { ConfigError } from '../../../src/shared/base/errors.ts'
import { createMetrics } from '../../../src/shared/telemetry/metrics/metrics.ts'
import { startStatusServer } from '../../../src/shared/telemetry/status-server.ts'

const where = { host: '127.0.0.1', port: 0 }
const always = async () => null

describe('the status server', () => {
  test('serves metrics in the format that Prometheus reads', async (t) => {
    const { registry } = createMetrics({ version: 'x' })
    const server = await startStatusServer({ ...where, registry, ready: always })
    t.after(() => server.close())
    const answer = await fetch(`${server.url}/metrics?all`)
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    const lines = (await answer.text()).split('\n').filter((line) => line !== '')
    for (const line of lines) {
      assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)*\})? \S+)$/)
    }
  })

  test('is healthy whatever is missing, and says what is missing for it to be ready', async (t) => {
    let missing: string | null = 'Redis does not answer'
    let gaps: string[] = []
    const registry = new Registry()
    const ready = async () => missing
    const server = await startStatusServer({ ...where, registry, ready, gaps: () => gaps })
    t.after(() => server.close())
    const ask = async (path: string) => {
      const answer = await fetch(server.url + path)
      return [answer.status, await answer.text()]
    }
    assert.deepEqual(await ask('/healthz'), [200, 'ok\n'])
    assert.deepEqual(await ask('/readyz'), [503, 'not ready: Redis does not answer\n'])
    missing = null
    assert.deepEqual(await ask('/readyz'), [200, 'ready\n'])
    gaps = ['not working for emea: no login']
    assert.deepEqual(await ask('/readyz'), [200, 'ready\nnot working for emea: no login\n'])
    assert.equal((await ask('/'))[0], 404)
  })

  test('is for reading alone: other methods are 405 where there is a path', async (t) => {
    const server = await startStatusServer({ ...where, registry: new Registry(), ready: always })
    t.after(() => server.close())
    const ask = async (method: string, path: string) => {
      const { status, headers } = await fetch(server.url + path, { method })
      return [status, headers.get('allow')]
    }
    for (const path of ['/metrics', '/healthz', '/readyz?x']) {
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'QUERY']) {
        assert.deepEqual(await ask(method, path), [405, 'GET, HEAD'], `${method} ${path}`)
      }
      assert.deepEqual(await ask('HEAD', path), [200, null], path)
    }
    assert.deepEqual(await ask('POST', '/'), [404, null])
  })

  test('that cannot tell whether it is ready cuts the connection, and lives on', async (t) => {
    const registry = new Registry()
    const ready = async () => {
      throw new Error('broken')
    }
    const server = await startStatusServer({ ...where, registry, ready })
    t.after(() => server.close())
    await assert.rejects(fetch(`${server.url}/readyz`))
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200)
  })

  test('on a port that is taken names the setting to change', async (t) => {
    const other = createServer().listen(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const address = other.address()
    assert.ok(typeof address === 'object' && address !== null)
    const { port } = address
    const start = startStatusServer({ ...where, port, registry: new Registry(), ready: always })
    await assert.rejects(start, (error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, /EXPUNGE_METRICS_PORT/)
      assert.match(error.message, new RegExp(String(port)))
      return true
    })
  })

  test('closes though clients keep their connections', async () => {
    const server = await startStatusServer({ ...where, registry: new Registry(), ready: always })
    await fetch(`${server.url}/healthz`)
    await server.close()
    await assert.rejects(fetch(`${server.url}/healthz`))
  })
})
