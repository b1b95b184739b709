import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import {
  LedgerConnection,
  LedgerReplacedError,
} from '../../../../src/shared/store/ledger/connection.ts'
import { createStaging } from '../../../../src/shared/store/staging/staging.ts'
import { RAILS } from '../../../helpers/rails.ts'
import { startRedis } from '../../../helpers/redis.ts'
import {
  type Bundle,
  chunkOutcome,
  chunkRef,
  connect,
  ingestOrder,
  ledgerOf,
  openLedger,
  orderLock,
  PLAN,
  planLock,
  settlement,
  submission,
} from './setup.ts'

const server = await startRedis({ after })

type Ledger = Bundle['ledger']

const ORDER = ingestOrder('order-a', [chunkRef('R1', 0)])
const NOTE_AT = { id: 'R1', lot: 'lot-1', note: 'seen' } as const

/** What is only read of a request that was loaded before, or is compared by the script that follows. */
type Reading =
  | 'frame'
  | 'openChunks'
  | 'outcomes'
  | 'ingestOrder'
  | 'stopReasons'
  | 'pauseState'
  | 'nextDeparture'
  | 'gathersUntil'

/** Every other verb: those that change something, and those that others act upon. */
const VERBS: Readonly<
  Record<Exclude<keyof Ledger, 'keys' | Reading>, (ledger: Ledger) => Promise<unknown>>
> = {
  accept: (ledger) => ledger.accept(submission({ id: 'R2' })),
  beginPlanning: (ledger) => ledger.beginPlanning({ id: 'R1', lot: 'x', lock: planLock('R1') }),
  notePreflight: (ledger) =>
    ledger.notePreflight('R1', 'x', { sampled: 1, found: 1, active: 0, byField: {} }),
  noteObjectRecords: (ledger) => ledger.noteObjectRecords('R1', 'x', 1),
  handBackPlanning: (ledger) => ledger.handBackPlanning({ id: 'R1', lock: planLock('R1') }),
  forgivePlanning: (ledger) => ledger.forgivePlanning({ id: 'R1', lock: planLock('R1') }),
  planned: (ledger) =>
    ledger.planned({
      ...{ id: 'R1', lot: 'lot-1', plan: PLAN, orders: [ORDER], next: 'deleting' as const },
      lock: planLock('R1'),
    }),
  approve: (ledger) => ledger.approve('R1'),
  decline: (ledger) => ledger.decline('R1'),
  joinGather: (ledger) => ledger.joinGather(ORDER, { order: 'order-a', count: 10 }),
  leaveGather: (ledger) => ledger.leaveGather(ORDER, 'order-a'),
  depart: (ledger) => ledger.depart(ORDER),
  lineUp: (ledger) => ledger.lineUp('R1', ['order-a']),
  changePriority: (ledger) => ledger.changePriority('R1', 'high'),
  placeOrder: (ledger) => ledger.placeOrder('order-a', 'normal'),
  takeOrder: (ledger) => ledger.takeOrder('order-a', orderLock('order-a')),
  handBackOrder: (ledger) => ledger.handBackOrder('order-a', orderLock('order-a')),
  forgiveOrder: (ledger) => ledger.forgiveOrder('order-a', orderLock('order-a')),
  saveCheckpoint: (ledger) =>
    ledger.saveCheckpoint({ order: 'order-a', checkpoint: '{}', lock: orderLock('order-a') }),
  saveProgress: (ledger) => {
    const progress = { processed: 1, failed: 0 }
    const order = ingestOrder('order-a', [chunkRef('R1', 0)])
    return ledger.saveProgress({ order, progress, lock: orderLock('order-a') })
  },
  recordOutcome: (ledger) =>
    ledger.recordOutcome({
      ...{ order: 'order-a', lock: orderLock('order-a') },
      outcomes: [{ ref: chunkRef('R1', 0), outcome: chunkOutcome(10) }],
    }),
  numberChunks: (ledger) => ledger.numberChunks({ id: 'R1', count: 1 }),
  endUnsent: (ledger) =>
    ledger.endUnsent({
      order: ORDER,
      outcomes: [{ ref: chunkRef('R1', 0), outcome: chunkOutcome(0) }],
    }),
  settle: (ledger) => ledger.settle(settlement('R1')),
  cancel: (ledger) => ledger.cancel('R1', 'cancelled'),
  pause: (ledger) => ledger.pause(true),
  resume: (ledger) => ledger.resume(),
  raiseFault: (ledger) =>
    ledger.raiseFault({ reason: 'outage', message: 'm', afterMs: 0, by: 'b', now: 1 }),
  enterGate: (ledger) => ledger.enterGate({ by: 'b', need: 'start', now: 1 }),
  clearFault: (ledger) => ledger.clearFault(1),
  leaveGate: (ledger) => ledger.leaveGate('b'),
  load: (ledger) => ledger.load('R1'),
  list: (ledger) => ledger.list({ offset: 0, count: 1 }),
  follow: (ledger) => ledger.follow({ before: null, count: 1 }),
  liveIds: (ledger) => ledger.liveIds(),
  livePage: (ledger) => ledger.livePage(null, 1),
  statusChanges: (ledger) => ledger.statusChanges(1),
  statusTold: (ledger) =>
    ledger.statusTold({ id: 'R1', status: 'planning', at: 1, entry: 'R1 planning 1' }),
  pinSource: (ledger) => ledger.pinSource({ ...NOTE_AT, found: { bytes: 1 } }),
  saveSource: (ledger) => ledger.saveSource({ ...NOTE_AT, value: { id: '750' } }),
  sourceNote: (ledger) => ledger.sourceNote(NOTE_AT),
  unfiled: (ledger) => ledger.unfiled('store'),
  filed: (ledger) => ledger.filed('store', 'R1'),
  keepFolder: (ledger) => ledger.keepFolder('store', 'R1', 1),
  foldersDue: (ledger) => ledger.foldersDue('store', 1),
  folderRemoved: (ledger) => ledger.folderRemoved('store', 'R1'),
  tombstone: (ledger) => ledger.tombstone('R1'),
  rails: (ledger) => ledger.rails(),
  changeRails: (ledger) => ledger.changeRails({ from: null, to: RAILS }),
  keepsDeleted: (ledger) => ledger.keepsDeleted(['R1'], RAILS),
  noteObject: (ledger) =>
    ledger.noteObject('Invoice__c', { visible: true, deletable: true, prefix: 'a01' }),
  describedObject: (ledger) => ledger.describedObject('Invoice__c'),
  identity: (ledger) => ledger.identity(),
  orgId: (ledger) => ledger.orgId(),
}

/** As a FLUSHALL, but of this ledger alone. */
async function emptied({ redis, keys }: Bundle): Promise<void> {
  const all = await redis.keys(`${keys.prefix}:*`)
  if (all.length > 0) await redis.del(all)
}

const dump = async ({ redis, keys }: Bundle) => {
  const all = (await redis.keys(`${keys.prefix}:*`)).sort()
  return Promise.all(all.map(async (key) => [key, await contentOf(redis, key)]))
}

/** Not Redis's DUMP: a hash that is being rehashed has its fields in another order after each look. */
async function contentOf(redis: Bundle['redis'], key: string): Promise<unknown> {
  const type = await redis.type(key)
  switch (type) {
    case 'string':
      return redis.get(key)
    case 'hash':
      return redis.hgetall(key)
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return (await redis.smembers(key)).sort()
    case 'zset':
      return redis.zrange(key, '0', '-1', 'WITHSCORES')
    case 'stream':
      return redis.xrange(key, '-', '+')
    default:
      throw new TypeError(`${key}: unknown type ${type}`)
  }
}

describe('the identity of a ledger', { concurrency: true }, () => {
  test('is made by the first who needs it, and kept by all', async (t) => {
    const { redis, keys, connection } = openLedger(t, server)
    assert.equal(await connection.verify(), null)
    assert.equal(await redis.exists(keys.identity), 0)
    const others = Array.from({ length: 4 }, () => new LedgerConnection(redis, keys))
    const all = await Promise.all([connection, ...others].map((one) => one.identity()))
    assert.equal(new Set(all.map(({ generation }) => generation)).size, 1)
    assert.deepEqual(await connection.verify(), all[0])
  })

  test('lives as long as the ledger: two ledgers never have the same', async (t) => {
    const bundle = openLedger(t, server)
    const { generation } = await bundle.connection.identity()
    await emptied(bundle)
    const next = await new LedgerConnection(bundle.redis, bundle.keys).identity()
    assert.notEqual(next.generation, generation)
  })
})

describe('a process whose ledger was replaced', { concurrency: true }, () => {
  for (const [verb, act] of Object.entries(VERBS)) {
    test(`is refused ${verb}, and changes nothing`, async (t) => {
      const mine = openLedger(t, server)
      await mine.deleting('R1', [ORDER])
      await emptied(mine)
      const theirs = ledgerOf(mine.redis, mine.keys.org)
      await theirs.deleting('R1', [ORDER])
      await theirs.redis.hset(theirs.keys.identity, 'orgId', '00D5f0000000002EAC')
      await theirs.grab(planLock('R1'))
      await theirs.grab(orderLock('order-a'))
      const before = await dump(theirs)
      await assert.rejects(act(mine.ledger), LedgerReplacedError)
      assert.deepEqual(await dump(theirs), before)
    })
  }

  test('by none makes no new one, whatever it tries', async (t) => {
    const mine = openLedger(t, server)
    await mine.submit()
    await emptied(mine)
    for (const act of Object.values(VERBS)) await assert.rejects(act(mine.ledger))
    const staging = createStaging(mine.connection, mine.keys, Date.now)
    const writer = staging.write({ request: 'R1', lot: 'x' }, 0)
    await writer.write(Buffer.from('003'))
    await assert.rejects(writer.end(), { code: 'OTHER_LEDGER' })
    assert.deepEqual(await dump(mine), [])
  })

  test('hears which it had opened and which is there', async (t) => {
    const mine = openLedger(t, server)
    const { generation } = await mine.connection.identity()
    await mine.redis.hset(mine.keys.identity, 'orgId', '00D5f0000000001EAC')
    await mine.connection.verify()
    await emptied(mine)
    const theirs = await new LedgerConnection(mine.redis, mine.keys).identity()
    await mine.redis.hset(mine.keys.identity, 'orgId', '00D5f0000000002EAC')
    await assert.rejects(mine.submit(), (error) => {
      assert.ok(error instanceof LedgerReplacedError)
      for (const part of [
        generation,
        '00D5f0000000001EAC',
        theirs.generation,
        '00D5f0000000002EAC',
      ])
        assert.ok(error.message.includes(part), `${part} in: ${error.message}`)
      return true
    })
  })

  test('stays refused, even where its own comes back', async (t) => {
    const mine = openLedger(t, server)
    await mine.submit()
    const identity = await mine.redis.hgetall(mine.keys.identity)
    await emptied(mine)
    await assert.rejects(mine.submit('R2'), { code: 'OTHER_LEDGER' })
    await mine.redis.hset(mine.keys.identity, identity)
    await assert.rejects(mine.submit('R3'), { code: 'OTHER_LEDGER' })
    assert.equal((await mine.connection.replaced).code, 'OTHER_LEDGER')
  })

  test('is told the same where a script’s text has to be sent again', async (t) => {
    const mine = openLedger(t, server)
    await mine.submit()
    await emptied(mine)
    await connect(t, server).script('FLUSH')
    await assert.rejects(mine.submit('R2'), { code: 'OTHER_LEDGER' })
  })
})

test('an error of a script that is about something else stays what it is', async (t) => {
  const { ledger, redis, keys } = openLedger(t, server)
  await redis.set(keys.request('R1'), 'no hash')
  await assert.rejects(ledger.approve('R1'), /WRONGTYPE/)
})
