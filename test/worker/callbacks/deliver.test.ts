import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import type { Job } from 'bullmq'
import { pino } from 'pino'
import { systemClock } from '../../../src/shared/base/clock.ts'
import { URL_PATTERN } from '../../../src/shared/config/network.ts'
import { orderCallbacks } from '../../../src/worker/callbacks/deliver.ts'
import { signatureHeaders } from '../../../src/worker/callbacks/signing.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { receiptOf, submitIds } from '../../helpers/deletion.ts'
import { listenHere } from '../../helpers/http-server.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld, type World } from '../../helpers/world.ts'

const redis = await startRedis({ after })
const SECRET = 'a secret of more than thirty-two characters'

interface Told {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Scope {
  after(fn: () => Promise<void>): void
}

/** A caller's server: keeps what it is told, and answers as `answer` says. */
async function startCaller(
  t: Scope,
  answer: (told: readonly Told[]) => number = () => 204,
  retryAfter = '0',
) {
  const told: Told[] = []
  let changed = Promise.withResolvers<void>()
  const server = createServer(async (request, response) => {
    told.push({ headers: request.headers, body: await text(request) })
    response.writeHead(answer(told), { 'retry-after': retryAfter }).end()
    changed.resolve()
    changed = Promise.withResolvers()
  })
  const url = await listenHere(t, server)
  return {
    url: `${url}/told`,
    told,
    /** Resolves once so many callbacks have come. */
    heard: async (count: number) => {
      while (told.length < count) await changed.promise
    },
  }
}

/** A world whose workers may call back on loopback. */
async function startCallingWorld(
  t: Scope,
  callers: readonly { readonly url: string; readonly secret?: string }[] = [],
): Promise<World & { work(): Promise<unknown> }> {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const receivers = await Promise.all(
    callers.map(async ({ url: text, secret = SECRET }, n) => {
      const secretsFile = join(world.folder, `callback-secrets-${n}`)
      await writeFile(secretsFile, `${secret}\n`, { mode: 0o600 })
      const url = URL_PATTERN.parse(text)
      assert.ok(url !== undefined, text)
      return { name: `caller-${n}`, url, secretsFile }
    }),
  )
  const allow = [{ kind: 'host', host: '127.0.0.1' }] as const
  const callbacks = { receivers, allow, timeoutMs: 5000 }
  return { ...world, work: () => world.startWorker({ callbacks }) }
}

const statusesOf = (told: readonly Told[]) => told.map(({ body }) => JSON.parse(body).status)

test('a caller is told of every status, signed, and of the receipt with the last', async (t) => {
  const caller = await startCaller(t)
  const world = await startCallingWorld(t, [caller])
  await world.work()
  const id = await submitIds(world, ids18(20), { callbackUrl: `${caller.url}?token=t` })
  const receipt = await receiptOf(world, id)
  await caller.heard(4)
  assert.deepEqual(
    new Set(statusesOf(caller.told)),
    new Set(['queued', 'planning', 'deleting', 'completed']),
  )
  for (const { headers, body } of caller.told) {
    const at = Number(headers['expunge-timestamp']) * 1000
    const told = JSON.parse(body)
    const event = `${world.org}/${id}/${told.status}`
    const signed = signatureHeaders({ url: new URL(caller.url), event, body }, [SECRET], at)
    assert.equal(headers['expunge-event'], event)
    assert.equal(headers['expunge-signature'], signed['expunge-signature'])
    assert.equal(told.id, id)
    assert.equal(told.org, world.org)
    assert.deepEqual(told.receipt, told.status === 'completed' ? receipt : undefined)
  }
})

test('a caller that is not there is told later', async (t) => {
  const caller = await startCaller(t, (told) => (told.length <= 3 ? 503 : 204))
  const world = await startCallingWorld(t, [caller])
  await world.work()
  const id = await submitIds(world, ids18(5), { callbackUrl: caller.url, dryRun: true })
  await receiptOf(world, id)
  await caller.heard(3)
  // Later is in five seconds, whatever Retry-After says; the test does not wait for them.
  while (caller.told.length < 6) {
    await (await world.store.queues()).callbacks.promoteJobs()
    await systemClock.sleep(20)
  }
  const counts = await world.metrics.registry.getSingleMetricAsString('expunge_callbacks_total')
  assert.match(counts, /result="unavailable"\} 3/)
  assert.equal(new Set(statusesOf(caller.told)).size, 3)
})

test('Retry-After may only lengthen the wait, and that not for ever', async (t) => {
  const HOUR = 3600_000
  const patience = ['0', '3', '600', '999999'] as const
  const callers = new Map<string, Awaited<ReturnType<typeof startCaller>>>()
  for (const asked of patience) callers.set(asked, await startCaller(t, () => 503, asked))
  const world = await startCallingWorld(t, [...callers.values()])
  await world.work()
  /** The job of a callback that was answered so, once it waits for its next try. */
  const waiting = async (retryAfter: (typeof patience)[number], age = 0) => {
    const caller = callers.get(retryAfter)
    assert.ok(caller !== undefined)
    const id = await submitIds(world, ids18(5), { approval: 'required', callbackUrl: caller.url })
    const isIts = (job: Job) => job.data.id === id && job.data.status === 'completed'
    await world.store.orders.callback({ id, status: 'completed', at: Date.now() - age })
    for (;;) {
      const job = (await (await world.store.queues()).callbacks.getDelayed()).find(isIts)
      if (job !== undefined) return { delay: job.delay, spent: job.attemptsMade }
      await systemClock.sleep(20)
    }
  }
  const usual = ({ delay, spent }: { delay: number; spent: number }) =>
    assert.ok(delay >= 4000 && delay <= 6000 && spent === 1, `${delay} ms, ${spent} tries`)
  usual(await waiting('0'))
  usual(await waiting('3'))
  const asked = await waiting('600')
  assert.ok(asked.delay > 590_000 && asked.delay <= 600_000, String(asked.delay))
  assert.equal(asked.spent, 0)
  const days = await waiting('999999')
  assert.ok(days.delay > HOUR - 10_000 && days.delay <= HOUR, String(days.delay))
  usual(await waiting('600', 13 * HOUR))
})

test('a change that is ordered twice, as after a crash, waits once', async (t) => {
  const world = await startCallingWorld(t)
  await submitIds(world, ids18(5), { callbackUrl: 'https://caller.example/told' })
  const ctx = {
    log: pino({ level: 'silent' }),
    clock: systemClock,
    signal: new AbortController().signal,
  }
  const [change] = await world.store.ledger.statusChanges(1)
  assert.ok(change)
  await world.store.orders.callback(change)
  assert.equal(await orderCallbacks(world.store, ctx), 1)
  assert.equal(await (await world.store.queues()).callbacks.count(), 1)
  assert.deepEqual(await world.store.ledger.statusChanges(1), [])
})

test('each receiver is told with its own secret, and nobody else is told at all', async (t) => {
  const [crm, shop, stranger] = [await startCaller(t), await startCaller(t), await startCaller(t)]
  const secret = 'another secret of more than thirty-two characters'
  const world = await startCallingWorld(t, [crm, { url: shop.url, secret }])
  await world.work()
  for (const { url } of [crm, shop, stranger]) {
    const id = await submitIds(world, ids18(5), { callbackUrl: url, dryRun: true })
    await receiptOf(world, id)
  }
  await Promise.all([crm.heard(3), shop.heard(3)])
  for (const [{ url, told }, own] of [
    [crm, SECRET],
    [shop, secret],
  ] as const) {
    for (const { headers, body } of told) {
      const event = String(headers['expunge-event'])
      const at = Number(headers['expunge-timestamp']) * 1000
      const signed = signatureHeaders({ url: new URL(url), event, body }, [own], at)
      assert.equal(headers['expunge-signature'], signed['expunge-signature'])
    }
  }
  const counts = () => world.metrics.registry.getSingleMetricAsString('expunge_callbacks_total')
  while (!/result="refused-address"\} 3/.test(await counts())) await systemClock.sleep(20)
  assert.deepEqual(stranger.told, [])
})

test('an address that is not allowed is not called, and the request ends all the same', async (t) => {
  const caller = await startCaller(t)
  const world = await startWorld(t, { redis, clock: leapingClock() })
  await world.startWorker()
  const id = await submitIds(world, ids18(5), { callbackUrl: caller.url })
  assert.equal((await receiptOf(world, id)).status, 'completed')
  const refused = /result="refused-address"\} 4/
  const counts = () => world.metrics.registry.getSingleMetricAsString('expunge_callbacks_total')
  while (!refused.test(await counts())) await systemClock.sleep(20)
  assert.deepEqual(caller.told, [])
})
