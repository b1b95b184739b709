import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { chunkField, type IngestOrder } from '../../../../src/shared/store/ledger/chunk.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { Model, type Op } from './model.ts'
import {
  type Bundle,
  chunkOutcome,
  chunkRef,
  connect,
  ingestOrder,
  ledgerOf,
  orderLock,
  PLAN,
  planLock,
  receipt,
  settlement,
  submission,
} from './setup.ts'

const server = await startRedis({ after })
const CLIENTS = 3

// Two workers and few orders: of more, most steps would only be turned away.
const worker = fc.nat(1)
const order = fc.nat(2)
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ verb: fc.constantFrom('accept', 'approve', 'turn-down', 'finish', 'cancel') }),
  fc.record({ verb: fc.constantFrom('begin', 'plan', 'refuse', 'grab-plan'), worker }),
  fc.record({ verb: fc.constant('expire-plan') }),
  {
    weight: 4,
    arbitrary: fc.record({
      verb: fc.constantFrom('grab', 'take', 'hand-back', 'record'),
      worker,
      order,
    }),
  },
  fc.record({ verb: fc.constantFrom('checkpoint', 'wait', 'progress'), worker, order }),
  fc.record({ verb: fc.constant('expire'), order }),
)

/** Up to six chunks in up to three orders; two orders may carry the same chunk, which nobody plans. */
const anyOrders: fc.Arbitrary<readonly IngestOrder[]> = fc
  .array(fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 })
  .map((orders) =>
    orders.map((chunks, at) =>
      ingestOrder(
        `order-${at}`,
        chunks.map((chunk) => chunkRef('R1', chunk)),
      ),
    ),
  )
const next = fc.constantFrom('deleting', 'awaiting-approval')

test('however verbs interleave and repeat, the ledger answers as the model does', async (t) => {
  const redis = connect(t, server)
  const seen = new Set<string>()
  const property = fc.asyncProperty(
    fc.array(anyOp, { minLength: 10, maxLength: 60 }),
    anyOrders,
    next,
    fc.nat(5),
    async (steps, orders, next, lead) => {
      const bundle = ledgerOf(redis, randomUUID())
      const model = new Model(orders, next)
      let settled = 0
      const whole = orderly(model)
      for (const op of [...whole.slice(0, lead), ...steps, ...whole]) {
        if (op.verb === 'begin') model.nextLot(op.worker)
        const expected = model.apply(op)
        const answer = await run(bundle, model, op)
        assert.deepEqual(answer, expected, `${JSON.stringify(op)} in ${model.status}`)
        seen.add(`${op.verb}: ${String(answer)}`)
        if (answer === 'settled') settled++
        await compare(bundle, model)
      }
      assert.equal(settled, 1, 'an orderly worker brings every request to its one end')
    },
  )
  const [accept, grab, begin, plan] = orderly(new Model([], 'deleting'))
  assert.ok(accept && grab && begin && plan)
  const one = [ingestOrder('order-0', [chunkRef('R1', 0)])]
  const refused: Op[] = [accept, grab, begin, { verb: 'refuse', worker: 0 }]
  const turnedDown: Op[] = [accept, grab, begin, plan, { verb: 'turn-down' }]
  await fc.assert(property, {
    numRuns: runs(70),
    examples: [
      [refused, one, 'deleting', 0],
      [turnedDown, one, 'awaiting-approval', 0],
    ],
  })
  // A property that never gets far proves nothing.
  for (const end of ['finish: settled', 'turn-down: settled', 'refuse: settled']) {
    assert.ok(seen.has(end), `no run reached ${end}`)
  }
})

test('workers at once: one verdict a chunk, one end, and only after the last', async (t) => {
  const clients = Array.from({ length: CLIENTS }, () => connect(t, server))
  const property = fc.asyncProperty(
    fc.array(anyOp, { minLength: 10, maxLength: 80 }),
    anyOrders,
    async (steps, orders) => {
      const org = randomUUID()
      const [main = assert.fail(), ...others] = clients.map((redis) => ledgerOf(redis, org))
      await main.deleting('R1', orders)
      const model = new Model(orders, 'deleting')
      // All at once over three connections: Redis alone decides who comes first.
      const answers = await Promise.all(
        [...steps, { verb: 'finish' } as const].map(async (op, at) => {
          const bundle = [main, ...others][at % CLIENTS] ?? main
          return { op, answer: await run(bundle, model, op) }
        }),
      )

      const chunks = new Set(orders.flatMap((each) => each.chunks.map(chunkField)))
      const { written } = claims(answers, model)
      if ((await main.ledger.load('R1'))?.receipt === null) {
        assert.deepEqual(await writers(main), written)
        const open = new Set((await main.ledger.openChunks('R1')).keys())
        assert.deepEqual(open, chunks.difference(new Set(written.keys())))
      } else {
        assert.equal(written.size, chunks.size, 'settled before the last chunk')
      }

      for (const op of orderly(model)) answers.push({ op, answer: await run(main, model, op) })
      const all = claims(answers, model)
      assert.deepEqual(new Set(all.written.keys()), chunks)
      assert.equal(all.lasts, 1)
      assert.equal(answers.filter(({ answer }) => answer === 'settled').length, 1)
    },
  )
  await fc.assert(property, { numRuns: runs(70) })
})

/** Who was told that an outcome was written by them, and how often somebody saw the last chunk. */
function claims(answers: readonly { op: Op; answer: unknown }[], model: Model) {
  const written = new Map<string, number>()
  let lasts = 0
  for (const { op, answer } of answers) {
    if (op.verb !== 'record' || !Array.isArray(answer)) continue
    const flags: readonly { written: boolean; last: boolean }[] = answer
    for (const [at, chunk] of model.orderAt(op.order).chunks.entries()) {
      if (!flags[at]?.written) continue
      assert.ok(!written.has(chunkField(chunk)), `two outcomes for ${chunkField(chunk)}`)
      written.set(chunkField(chunk), op.worker)
      if (flags[at].last) lasts++
    }
  }
  return { written, lasts }
}

/** What a worker does whom nobody disturbs, from wherever the others have left the request. */
function orderly({ orders }: Model): readonly Op[] {
  const worker = 0
  return [
    { verb: 'accept' },
    { verb: 'grab-plan', worker },
    { verb: 'begin', worker },
    { verb: 'plan', worker },
    { verb: 'approve' },
    // What was cancelled while it waited cannot be approved; to anything else this is not due.
    { verb: 'turn-down' },
    ...orders.flatMap((_, order): Op[] => [
      { verb: 'grab', worker, order },
      { verb: 'take', worker, order },
      { verb: 'record', worker, order },
    ]),
    { verb: 'finish' },
    { verb: 'finish' },
  ]
}

async function run(bundle: Bundle, model: Model, op: Op): Promise<unknown> {
  const { ledger, grab, expire } = bundle
  const { orders, next } = model
  const plan = (token: number) => planLock('R1', `worker-${token}`)
  switch (op.verb) {
    case 'accept':
      return ledger.accept(submission({ id: 'R1', maxFailureRatio: null }))
    case 'grab-plan':
      await grab(plan(op.worker))
      return undefined
    case 'expire-plan':
      return expire(plan(0))
    case 'begin':
      return (
        await ledger.beginPlanning({ id: 'R1', lot: model.lotOf(op.worker), lock: plan(op.worker) })
      ).kind
    case 'plan': {
      const lot = model.lotOf(op.worker)
      return ledger.planned({ id: 'R1', lot, plan: PLAN, orders, next, lock: plan(op.worker) })
    }
    case 'approve':
      return ledger.approve('R1')
    case 'refuse': {
      const end = { from: ['planning'], receipt: receipt('R1', 'refused') } as const
      return ledger.settle(settlement('R1', { ...end, lot: model.lotOf(op.worker) }))
    }
    case 'turn-down': {
      const end = { from: ['awaiting-approval'], receipt: receipt('R1', 'cancelled') } as const
      return ledger.settle(settlement('R1', { ...end, unsent: orders.map((each) => each.order) }))
    }
    case 'finish':
      return ledger.settle(settlement('R1'))
    case 'cancel':
      return ledger.cancel('R1', 'cancelled')
    default:
      return work(bundle, model, op)
  }
}

async function work(
  { ledger, grab, expire }: Bundle,
  model: Model,
  op: Extract<Op, { order: number }>,
): Promise<unknown> {
  const { order, chunks } = model.orderAt(op.order)
  const token = 'worker' in op ? op.worker : 0
  const lock = orderLock(order, `worker-${token}`)
  switch (op.verb) {
    case 'grab':
      await grab(lock)
      return undefined
    case 'expire':
      return expire(lock)
    case 'hand-back':
      return ledger.handBackOrder(order, lock)
    case 'take': {
      const taken = await ledger.takeOrder(order, lock)
      return taken.kind === 'taken' ? { crashes: taken.crashes } : taken.kind
    }
    case 'checkpoint':
      return ledger.saveCheckpoint({ order, checkpoint: '{"step":"create"}', lock })
    case 'wait':
      return ledger.saveCheckpoint({ order, checkpoint: '{"step":"wait"}', lock })
    case 'progress':
      return ledger.saveProgress({
        order: model.orderAt(op.order),
        progress: { processed: 1, failed: 0 },
        lock,
      })
    case 'record': {
      const outcomes = chunks.map((ref) => ({ ref, outcome: chunkOutcome(token) }))
      const recorded = await ledger.recordOutcome({ order, outcomes, lock })
      return recorded.kind === 'ok'
        ? recorded.chunks.map(({ written, last }) => ({ written, last }))
        : recorded.kind
    }
    default:
      throw new TypeError(`Unknown step ${JSON.stringify(op satisfies never)}`)
  }
}

/** The book itself beside the model's: status, lot, open chunks, and who wrote each outcome. */
async function compare(bundle: Bundle, model: Model): Promise<void> {
  const { ledger } = bundle
  const record = await ledger.load('R1')
  assert.equal(record?.status ?? null, model.status)
  assert.equal(record?.lot ?? null, model.lot)
  assert.equal(record?.receipt?.status ?? null, model.settledAs)
  const [reason = null] = await ledger.stopReasons(['R1'])
  assert.equal(reason !== null, model.isCancelled)
  assert.deepEqual(new Set((await ledger.openChunks('R1')).keys()), new Set(model.open.keys()))
  assert.deepEqual(await writers(bundle), model.written)
}

/** The outcomes in the book, told by who wrote them. */
async function writers({ ledger }: Bundle): Promise<Map<string, number>> {
  const book = [...(await ledger.outcomes('R1'))]
  return new Map(book.map(([field, { outcome }]) => [field, outcome.deleted]))
}
