import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { after, describe, type TestContext, test } from 'node:test'
import { leapingClock } from '../helpers/clock.ts'
import { outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { listenHere } from '../helpers/http-server.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

const redis = await startRedis({ after })

/** What the old host does once the org has moved. */
type OldHost = (response: ServerResponse, server: Server) => void

const OLD_HOSTS: Readonly<Record<string, OldHost>> = {
  'redirects to the new one': (response) =>
    void response.writeHead(301, { location: 'https://acme.my.salesforce.com/' }).end(),
  'has no route to it': (response) => void response.writeHead(420).end(),
  'shows a page with 200': (response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>We moved</html>'),
  'refuses connections': (_, server) => {
    server.close()
    server.closeAllConnections()
  },
}

describe('an org that moves after the close', { concurrency: true }, () => {
  for (const [what, old] of Object.entries(OLD_HOSTS)) {
    test(`to another instance while the old one ${what} is followed there, with one login`, async (t) => {
      const world = await startWorld(t, { redis, clock: leapingClock() })
      const front = await startFront(t, world, old)
      await world.startWorker(front.config)
      const receipt = await receiptOf(world, await submitIds(world, ids18(20)))
      assert.deepEqual(
        [receipt.status, receipt.outcome, receipt.ingestJobs.length],
        ['completed', outcome({ deleted: 20 }), 1],
      )
      assert.deepEqual([front.moved(), front.logins()], [true, 2])
      assert.deepEqual(world.sandbox.referee.stats().violationCounts, {})
    })
  }
})

/** The sandbox by two hosts more: one for logins, and the instance that the org leaves. */
async function startFront(t: TestContext, { sandbox, config, org }: World, old: OldHost) {
  let hasMoved = false
  let logins = 0
  const instance = await listen(t, async (request, response) => {
    if (hasMoved) return old(response, instance.server)
    await forward(sandbox.url, request, response)
    if (request.method === 'PATCH') hasMoved = true
  })
  const login = await listen(t, (request, response) => {
    logins += 1
    const instanceUrl = hasMoved ? sandbox.url : instance.url
    return forward(sandbox.url, request, response, (body) =>
      JSON.stringify({ ...JSON.parse(body), instance_url: instanceUrl }),
    )
  })
  const own = config.orgs.get(org)
  assert.ok(own?.credentials?.kind === 'client-credentials')
  const credentials = { ...own.credentials, loginUrl: login.url }
  return {
    config: { orgs: new Map([[org, { ...own, credentials }]]) },
    moved: () => hasMoved,
    logins: () => logins,
  }
}

async function listen(t: TestContext, handle: (...args: Parameters<RequestListener>) => unknown) {
  const server = createServer((request, response) => void handle(request, response))
  return { server, url: await listenHere(t, server) }
}

/** Passes one call on, and its answer back. */
async function forward(
  target: string,
  request: Parameters<RequestListener>[0],
  response: ServerResponse,
  edit: (body: string) => string = (body) => body,
): Promise<void> {
  const { method = 'GET', url = '/', headers } = request
  const { authorization = '', 'content-type': type = '' } = headers
  const body = await buffer(request)
  const answer = await fetch(new URL(url, target), {
    method,
    headers: { authorization, 'content-type': type },
    ...(body.length > 0 ? { body } : {}),
  })
  const text = await answer.text()
  const answerType = answer.headers.get('content-type')
  response.writeHead(answer.status, answerType === null ? {} : { 'content-type': answerType })
  response.end(answer.status === 200 ? edit(text) : text)
}
