import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Priority } from '../../../../src/shared/contract/request.ts'
import type { IngestOrder } from '../../../../src/shared/store/ledger/chunk.ts'
import { FIRST_NUMBER, type Turn } from '../../../../src/shared/store/ledger/turns.ts'
import { fc } from '../../../helpers/fast-check.ts'
import { startRedis } from '../../../helpers/redis.ts'
import {
  type Bundle,
  chunkOutcome,
  chunkRef,
  openLedger,
  orderLock,
  PLAN,
  planLock,
  submission,
} from './setup.ts'

const server = await startRedis({ after })

/** BullMQ's limit for priorities. */
const HIGHEST = 2 ** 21

interface Asked {
  readonly id: string
  readonly caller: string
  readonly labels?: Readonly<Record<string, string>>
  readonly chunks: readonly number[]
  readonly priority?: Priority
}

const nameOf = (id: string, chunk: number) => `${id}.${chunk}.1`

/** A request with a plan of these chunks (their records), ready to be sent. */
async function planned(
  { ledger, grab }: Bundle,
  { id, caller, labels = {}, chunks, priority = 'normal' }: Asked,
): Promise<void> {
  await ledger.accept({ ...submission({ id, priority, labels }), submittedBy: caller })
  const lock = await grab(planLock(id))
  await ledger.beginPlanning({ id, lot: 'lot-1', lock })
  const orders = chunks.map(
    (count, chunk): IngestOrder => ({
      ...{ order: nameOf(id, chunk), object: 'Contact', operation: 'delete', priority },
      chunks: [{ ...chunkRef(id, chunk), count }],
    }),
  )
  await ledger.planned({ id, lot: 'lot-1', plan: PLAN, orders, next: 'deleting', lock })
}

/** BullMQ's order: by number, and by age within it. Ordering twice has no effect. */
class Lane {
  readonly #jobs = new Map<string, Turn>()
  readonly numbers: number[] = []

  add(turns: readonly Turn[]): void {
    for (const turn of turns) {
      this.numbers.push(turn.number)
      if (!this.#jobs.has(turn.order)) this.#jobs.set(turn.order, turn)
    }
  }

  get size(): number {
    return this.#jobs.size
  }

  take(): Turn | undefined {
    const [first] = [...this.#jobs.values()].sort((a, b) => a.number - b.number)
    if (first !== undefined) this.#jobs.delete(first.order)
    return first
  }
}

/** A worker takes the first order; the next of its request is ordered. */
async function serve({ ledger, grab }: Bundle, lane: Lane): Promise<IngestOrder | null> {
  const turn = lane.take()
  if (turn === undefined) return null
  const taken = await ledger.takeOrder(turn.order, await grab(orderLock(turn.order)))
  assert.equal(taken.kind, 'taken')
  if (taken.kind !== 'taken') return null
  lane.add(taken.next)
  return taken.order
}

async function begin(bundle: Bundle, lane: Lane, asked: Asked): Promise<void> {
  await planned(bundle, asked)
  lane.add(
    await bundle.ledger.lineUp(
      asked.id,
      asked.chunks.map((_, at) => nameOf(asked.id, at)),
    ),
  )
}

const keysLeft = async ({ redis, keys }: Bundle) =>
  (await redis.keys(`${keys.prefix}:*`)).filter((key) => /:(turns|placed|line):/.test(key))

const big = (count: number) => Array.from({ length: count }, () => 10_000)

test('two orders of a request wait in BullMQ, and the rest in its line', async (t) => {
  const bundle = openLedger(t, server)
  const lane = new Lane()
  await begin(bundle, lane, { id: 'r1', caller: 'a', chunks: big(12) })
  const orders = []
  for (;;) {
    assert.equal(lane.size, Math.min(2, 12 - orders.length))
    const order = await serve(bundle, lane)
    if (order === null) break
    orders.push(order.order)
  }
  assert.deepEqual(
    orders,
    Array.from({ length: 12 }, (_, at) => nameOf('r1', at)),
  )
  assert.deepEqual(await keysLeft(bundle), [])
})

test('a small request of a caller passes its long one', async (t) => {
  const bundle = openLedger(t, server)
  const lane = new Lane()
  await begin(bundle, lane, { id: 'purge', caller: 'a', chunks: big(200) })
  for (let round = 0; round < 10; round++) await serve(bundle, lane)
  await begin(bundle, lane, { id: 'small', caller: 'a', chunks: big(2) })
  const served = []
  for (let round = 0; round < 6; round++) served.push((await serve(bundle, lane))?.order)
  assert.equal(served.filter((order) => order?.startsWith('small.')).length, 2)
})

test('many requests of a caller do not hold up the one of another', async (t) => {
  const bundle = openLedger(t, server)
  const lane = new Lane()
  for (let at = 0; at < 60; at++) {
    await begin(bundle, lane, { id: `many-${at}`, caller: 'a', chunks: [10] })
  }
  await begin(bundle, lane, { id: 'one', caller: 'b', chunks: [10] })
  const served = []
  for (let round = 0; round < 2; round++) served.push((await serve(bundle, lane))?.order)
  assert.ok(served.includes(nameOf('one', 0)), served.join(' '))
})

test('of two callers with 1,000 chunks and 2, the second ends within three rounds', async (t) => {
  const bundle = openLedger(t, server)
  const lane = new Lane()
  await begin(bundle, lane, { id: 'purge', caller: 'a', chunks: big(1000) })
  for (let at = 0; at < 20; at++) await serve(bundle, lane)
  await begin(bundle, lane, { id: 'few', caller: 'b', chunks: big(2) })
  const served = []
  // A round is one order of each caller.
  for (let at = 0; at < 3 * 2; at++) served.push((await serve(bundle, lane))?.order)
  assert.equal(served.filter((order) => order?.startsWith('few.')).length, 2, served.join(' '))
})

test('a request without a key takes its turn as the label `caller` says', async (t) => {
  const bundle = openLedger(t, server)
  const lane = new Lane()
  const host = 'alice@laptop'
  for (let at = 0; at < 60; at++) {
    const labels = { caller: 'crm', run: `${at}` }
    await begin(bundle, lane, { id: `many-${at}`, caller: host, labels, chunks: [10] })
  }
  await begin(bundle, lane, { id: 'one', caller: host, labels: { caller: 'shop' }, chunks: [10] })
  const job = 'bullmq:r-other'
  await begin(bundle, lane, { id: 'other', caller: job, labels: { caller: 'crm' }, chunks: [10] })
  const served = []
  for (let at = 0; at < 61; at++) served.push((await serve(bundle, lane))?.order)
  assert.ok(served.indexOf(nameOf('one', 0)) < 2, served.join(' '))
  assert.equal(served.includes(nameOf('other', 0)), false, 'it is the last of the same caller')
})

test('a key takes its own turn, whatever label its request has', async (t) => {
  const bundle = openLedger(t, server)
  const lane = new Lane()
  for (let at = 0; at < 60; at++) {
    const labels = { caller: `free-${at}` }
    await begin(bundle, lane, { id: `many-${at}`, caller: 'crm', labels, chunks: [10] })
  }
  // Not the caller of that name, either.
  const labels = { caller: 'crm' }
  await begin(bundle, lane, { id: 'one', caller: 'alice@laptop', labels, chunks: [10] })
  const served = []
  for (let at = 0; at < 2; at++) served.push((await serve(bundle, lane))?.order)
  assert.ok(served.includes(nameOf('one', 0)), served.join(' '))
})

test('an order that was taken stays in its lane, whatever priority its request has', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await planned(bundle, { id: 'r1', caller: 'a', chunks: big(1) })
  const name = nameOf('r1', 0)
  // A worker of an earlier version gave it no turn.
  assert.equal((await ledger.takeOrder(name, await bundle.grab(orderLock(name)))).kind, 'taken')
  assert.deepEqual(await ledger.changePriority('r1', 'high'), {
    ...{ kind: 'set', moved: [], recalled: [] },
  })
  const [turn] = await ledger.lineUp('r1', [name])
  assert.deepEqual([turn?.priority, turn?.number], ['normal', 0])
})

test('a line is exact after a crash at any point', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  const names = Array.from({ length: 9 }, (_, at) => nameOf('r1', at))
  await planned(bundle, { id: 'r1', caller: 'a', chunks: big(9) })
  // What was to be ordered is lost each time, and the sweep orders it again.
  await ledger.lineUp('r1', names)
  const seen = new Set<string>()
  while (seen.size < names.length) {
    const open = names.filter((name) => !seen.has(name))
    const [turn, ...others] = await ledger.lineUp('r1', open)
    assert.ok(turn !== undefined)
    assert.ok(others.length <= 1)
    const lock = await bundle.grab(orderLock(turn.order))
    assert.equal((await ledger.takeOrder(turn.order, lock)).kind, 'taken')
    seen.add(turn.order)
    const running = await ledger.lineUp('r1', [turn.order])
    assert.equal(running.find(({ order }) => order === turn.order)?.number, 0)
  }
  assert.deepEqual(await keysLeft(bundle), [])
})

test('an order that ends unsent leaves its line', async (t) => {
  const bundle = openLedger(t, server)
  const lane = new Lane()
  await begin(bundle, lane, { id: 'r1', caller: 'a', chunks: big(5) })
  for (let at = 0; at < 5; at++) {
    const found = await bundle.ledger.ingestOrder(nameOf('r1', at))
    assert.ok(found !== null)
    const { order } = found
    const outcomes = order.chunks.map((ref) => ({ ref, outcome: chunkOutcome(0) }))
    assert.equal(await bundle.ledger.endUnsent({ order, outcomes }), 'ended')
  }
  assert.deepEqual(await keysLeft(bundle), [])
})

test('what a caller cancels or puts off does not hold up its next request', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  const lane = new Lane()
  await begin(bundle, lane, { id: 'purge', caller: 'b', chunks: big(100) })
  await serve(bundle, lane)
  const mistaken = Array.from({ length: 40 }, (_, at) => `mistaken-${at}`)
  const mistakes = new Lane()
  for (const id of mistaken) await begin(bundle, mistakes, { id, caller: 'a', chunks: [10] })
  for (const [at, id] of mistaken.entries()) {
    if (at % 2 === 0) {
      await ledger.changePriority(id, 'low')
      continue
    }
    const { order } = (await ledger.ingestOrder(nameOf(id, 0))) ?? assert.fail()
    const outcomes = order.chunks.map((ref) => ({ ref, outcome: chunkOutcome(0) }))
    assert.equal(await ledger.endUnsent({ order, outcomes }), 'ended')
  }
  await begin(bundle, lane, { id: 'right', caller: 'a', chunks: [10] })
  const served = []
  for (let at = 0; at < 4; at++) served.push((await serve(bundle, lane))?.order)
  assert.ok(served.includes(nameOf('right', 0)), served.join(' '))
})

test('backlogged callers get equal shares, nobody starves, and numbers stay in range', async (t) => {
  const chunks = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 8 })
  const request = fc.record({
    caller: fc.constantFrom('a', 'b', 'c'),
    chunks,
  })
  const requests = fc.array(request, { minLength: 2, maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(requests, fc.integer({ min: 1, max: 4 }), async (asked, burst) => {
      const bundle = openLedger(t, server)
      const lane = new Lane()
      const cost = (records: number) => Math.max(1, records / 10_000)
      const most = Math.max(...asked.flatMap((one) => one.chunks.map(cost)))
      const left = new Map<string, number>()
      const served = new Map<string, number>()
      for (const [at, one] of asked.entries()) {
        await begin(bundle, lane, { ...one, id: `${one.caller}-${at}` })
        left.set(one.caller, (left.get(one.caller) ?? 0) + one.chunks.length)
        // Callers arrive while others are served.
        if (at % burst === 0) await note()
      }
      // From here on, every caller that has orders left is backlogged.
      served.clear()
      while (lane.size > 0) {
        await note()
        const backlogged = [...left].filter(([, count]) => count > 0).map(([caller]) => caller)
        const shares = backlogged.map((caller) => served.get(caller) ?? 0)
        const gap = Math.max(...shares) - Math.min(...shares)
        assert.ok(gap <= 4 * (most + 1), `${gap} apart`)
      }
      assert.deepEqual(
        [...left.values()].filter((count) => count !== 0),
        [],
      )
      assert.ok(lane.numbers.every((number) => number >= FIRST_NUMBER.normal && number < HIGHEST))
      assert.deepEqual(await keysLeft(bundle), [])

      async function note(): Promise<void> {
        const order = await serve(bundle, lane)
        if (order === null) return
        const [caller = ''] = order.order.split('-')
        const [records = 0] = order.chunks.map(({ count }) => count)
        served.set(caller, (served.get(caller) ?? 0) + cost(records))
        left.set(caller, (left.get(caller) ?? 0) - 1)
      }
    }),
    { numRuns: 15 },
  )
})
