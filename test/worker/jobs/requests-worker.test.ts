import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { ShutdownError } from '../../../src/shared/base/context.ts'
import { createLogger } from '../../../src/shared/base/logger.ts'
import { type OrgStore, openOrgStore } from '../../../src/shared/store/org-store.ts'
import { PLAN } from '../../../src/shared/store/queues/queues.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { createMetrics } from '../../../src/shared/telemetry/metrics/metrics.ts'
import { giveBack } from '../../../src/worker/jobs/hand-over.ts'
import { startRequestsWorker } from '../../../src/worker/jobs/requests-worker.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'

/** Plans that last until the test lets them end, over the real queues. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const connection = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
scope.after(async () => connection.disconnect())

let sites = 0

interface Scope {
  after(fn: () => Promise<void>): void
}

/** One org, and how its orders are carried out by however many workers. */
function site(t: Scope) {
  const store = openOrgStore(connection, `requests-${process.pid}-${++sites}`, () => {})
  const closing = inReverse((close) => t.after(close))
  closing.after(() => store.close())
  const book = new Book()
  const work = (maxPlans: number) => {
    const worker = startWorker(store, maxPlans, book)
    closing.after(async () => {
      book.letAllEnd()
      await worker.stop()
    })
    return worker
  }
  return { store, book, work }
}

/** What has begun, in order, and what is at work. */
class Book {
  readonly begun: string[] = []
  readonly #ends = new Map<string, () => void>()
  #open = false
  #seen = () => {}

  /** Resolves once it may end. */
  async begin(name: string): Promise<void> {
    this.begun.push(name)
    this.#seen()
    if (this.#open) return
    await new Promise<void>((resolve) => this.#ends.set(name, resolve))
    this.#ends.delete(name)
  }

  letEnd(name: string): void {
    const end = this.#ends.get(name) ?? assert.fail(`${name} is not at work`)
    end()
  }

  letAllEnd(): void {
    this.#open = true
    for (const end of this.#ends.values()) end()
  }

  get atWork(): string[] {
    return [...this.#ends.keys()].sort()
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#seen = resolve
        setTimeout(resolve, 10)
      })
    }
  }
}

function startWorker(store: OrgStore, maxPlans: number, book: Book) {
  return startRequestsWorker(maxPlans, {
    store,
    lockMs: 2000,
    stalledMs: 1000,
    metrics: createMetrics({ version: 'test' }),
    log: createLogger({ level: 'silent' }),
    clock: leapingClock(),
    process: async (job, token, ctx) => {
      const { promise: stopped, resolve } = Promise.withResolvers<'stopped'>()
      ctx.signal.addEventListener('abort', () => resolve('stopped'))
      const id = String(job.data.id)
      const name = job.name === PLAN ? id : `settle ${id}`
      const how = await Promise.race([stopped, book.begin(name)])
      if (how !== 'stopped') return
      assert.ok(ctx.signal.reason instanceof ShutdownError)
      if (job.name === PLAN) return giveBack(job, token, store)
    },
  })
}

describe('while long plans take every other slot of a worker', { concurrency: true }, () => {
  test('an urgent plan begins at once, and settling waits not even for that', async (t) => {
    const { store, book, work } = site(t)
    for (const id of ['low-1', 'low-2', 'low-3', 'low-4']) await store.orders.plan(id, 'low')
    work(3)
    await book.until(() => book.begun.length === 2)
    assert.deepEqual(book.atWork, ['low-1', 'low-2'])
    await store.orders.plan('high-1', 'high')
    await book.until(() => book.begun.length === 3)
    await store.orders.plan('high-2', 'high')
    await store.orders.settle('a')
    await book.until(() => book.begun.length === 4)
    assert.deepEqual(book.atWork, ['high-1', 'low-1', 'low-2', 'settle a'])
    book.letEnd('settle a')
    await store.orders.stop('b')
    await book.until(() => book.begun.length === 5)
    assert.deepEqual(book.atWork, ['high-1', 'low-1', 'low-2', 'settle b'])
    book.letEnd('high-1')
    await book.until(() => book.begun.length === 6)
    book.letEnd('settle b')
    book.letEnd('high-2')
    book.letEnd('low-2')
    await book.until(() => book.begun.length === 7)
    const plans = book.begun.filter((name) => !name.startsWith('settle'))
    assert.deepEqual(plans, ['low-1', 'low-2', 'high-1', 'high-2', 'low-3'])
  })

  test('what a dead worker had planned does not stand before what is urgent', async (t) => {
    const { store, book, work } = site(t)
    for (const id of ['low-1', 'low-2']) await store.orders.plan(id, 'low')
    work(2)
    await book.until(() => book.begun.length === 1)
    // As BullMQ does with a stalled job: to the very front, whatever its priority.
    const key = (await store.queues()).requests.toKey.bind((await store.queues()).requests)
    await connection.zrem(key('prioritized'), 'p-low-2')
    await connection.rpush(key('wait'), 'p-low-2')
    await store.orders.plan('high', 'high')
    await book.until(() => book.begun.length === 2)
    assert.deepEqual(book.begun, ['low-1', 'high'])
    book.letEnd('low-1')
    await book.until(() => book.begun.length === 3)
    assert.equal(book.begun.at(-1), 'low-2')
  })

  test('with one plan at once, at least nothing but plans waits for it', async (t) => {
    const { store, book, work } = site(t)
    await store.orders.plan('low', 'low')
    work(1)
    await book.until(() => book.begun.length === 1)
    await store.orders.plan('high', 'high')
    await store.orders.settle('a')
    await book.until(() => book.begun.length === 2)
    assert.deepEqual(book.atWork, ['low', 'settle a'])
    book.letEnd('settle a')
    book.letEnd('low')
    await book.until(() => book.begun.length === 3)
    assert.deepEqual(book.atWork, ['high'])
  })
})

test('over two workers plans begin by priority, and by age within it', async (t) => {
  const { store, book, work } = site(t)
  const plans = Array.from({ length: 12 }, (_, k) => `plan-${String(k).padStart(2, '0')}`)
  const isLow = (_: string, k: number) => k % 3 === 0
  for (const [k, id] of plans.entries())
    await store.orders.plan(id, isLow(id, k) ? 'low' : 'normal')
  work(2)
  work(2)
  const expected = [...plans.filter((id, k) => !isLow(id, k)), ...plans.filter(isLow)]
  for (let begun = 2; begun <= plans.length; begun++) {
    await book.until(() => book.begun.length === begun)
    const [first = ''] = book.atWork
    book.letEnd(first)
    await book.until(() => !book.atWork.includes(first))
  }
  assert.deepEqual(book.begun.toSorted(), plans)
  // The first two are taken at the same time.
  assert.deepEqual(book.begun.slice(2), expected.slice(2))
})

test('a plan of a worker that stops is the first of its priority, and soon taken', async (t) => {
  const { store, book, work } = site(t)
  const first = work(2)
  await store.orders.plan('low-1', 'low')
  await book.until(() => book.begun.length === 1)
  await store.orders.plan('low-2', 'low')
  const second = work(2)
  await book.until(() => book.begun.length === 2)
  await store.orders.plan('low-3', 'low')
  await first.stop()
  await store.orders.plan('normal', 'normal')
  book.letEnd('low-2')
  await book.until(() => book.begun.length === 3)
  book.letEnd('normal')
  await book.until(() => book.begun.length === 4)
  assert.deepEqual(book.begun, ['low-1', 'low-2', 'normal', 'low-1'])
  assert.equal(second.active, 1)
})
