import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { checkOrigins } from '../../../src/cli/doctor/origins.ts'
import { NO_SOURCES } from '../../helpers/config.ts'
import { listenHere } from '../../helpers/http-server.ts'

test('the servers of sources are asked, with their headers, and any answer will do', async (t) => {
  const heard: unknown[] = []
  const server = createServer(({ method, url, headers }, response) => {
    heard.push([method, url, headers['x-key']])
    response.writeHead(404).end()
  })
  const here = await listenHere({ after: (fn) => t.after(fn) }, server)
  const origins = new Map([
    [here, { headers: { 'x-key': 'k' } }],
    ['http://127.0.0.1:1', { headers: {} }],
  ])
  const findings = await checkOrigins({ sources: { ...NO_SOURCES, origins } })
  assert.deepEqual(heard, [['GET', '/', 'k']])
  assert.deepEqual(
    findings.map(({ verdict, found }) => [verdict, found]),
    [
      ['ok', `${here} answers (404)`],
      ['warn', 'http://127.0.0.1:1: the connection failed with ECONNREFUSED'],
    ],
  )
})
