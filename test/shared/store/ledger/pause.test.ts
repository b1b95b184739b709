import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import type { PauseReason } from '../../../../src/shared/store/ledger/pause.ts'
import type { PauseNeed } from '../../../../src/shared/store/ledger/pause-fault.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { connect, ledgerOf, openLedger } from './setup.ts'

const server = await startRedis({ after })

const SECOND = 1000
const MINUTE = 60 * SECOND
const NOW = 1_795_000_000_000

const outage = (by: string, now: number, fields: { afterMs?: number; reason?: PauseReason } = {}) =>
  ({ reason: 'outage', message: 'It is down.', afterMs: 0, by, now, ...fields }) as const

describe("an operator's pause", { concurrency: true }, () => {
  test('holds what would begin, lets what runs go on, and ends when it is taken back', async (t) => {
    const { ledger } = openLedger(t, server)
    await ledger.pause(false)
    const { operator, fault } = await ledger.pauseState()
    assert.equal(operator?.abort, false)
    assert.ok(Math.abs((operator?.since ?? 0) - Date.now()) < MINUTE)
    assert.equal(fault, null)
    const enter = async (need: PauseNeed) =>
      (await ledger.enterGate({ by: 'one', need, now: NOW })).kind
    assert.equal(await enter('start'), 'wait')
    assert.equal(await enter('follow'), 'go')
    await ledger.resume()
    await ledger.resume()
    assert.deepEqual(await ledger.pauseState(), { operator: null, fault: null })
    assert.equal(await enter('start'), 'go')
  })

  test('that wants jobs aborted is not softened by a second one, and begins but once', async (t) => {
    const { ledger } = openLedger(t, server)
    await ledger.pause(false)
    const { operator: first } = await ledger.pauseState()
    await ledger.pause(true)
    await ledger.pause(false)
    assert.deepEqual((await ledger.pauseState()).operator, { abort: true, since: first?.since })
  })

  test('outlives the end of a fault, and the fault its end', async (t) => {
    const { ledger } = openLedger(t, server)
    await ledger.raiseFault(outage('one', NOW))
    await ledger.pause(false)
    await ledger.resume()
    assert.equal((await ledger.pauseState()).fault?.reason, 'outage')
    await ledger.pause(true)
    await ledger.clearFault(NOW)
    const { operator, fault } = await ledger.pauseState()
    assert.equal(operator?.abort, true)
    assert.equal(fault, null)
  })
})

describe('a fault of the org', { concurrency: true }, () => {
  test('holds for 5 s, and twice as long each time its probe fails, up to 5 minutes', async (t) => {
    const { ledger } = openLedger(t, server)
    let now = NOW
    const seconds = []
    for (let by = 0; by < 9; by++) {
      assert.equal(await ledger.raiseFault(outage(`${by}`, now)), 'raised')
      const { fault } = await ledger.pauseState()
      assert.equal(fault?.failures, by + 1)
      seconds.push(((fault?.until ?? 0) - now) / SECOND)
      now = fault?.until ?? 0
      const next = { by: `${by + 1}`, need: 'follow', now } as const
      assert.equal((await ledger.enterGate({ ...next, now: now - 1 })).kind, 'wait')
      assert.equal((await ledger.enterGate(next)).kind, 'probe')
    }
    assert.deepEqual(seconds, [5, 10, 20, 40, 80, 160, 300, 300, 300])
  })

  test('holds as long as the server asks, but for no more than an hour', async (t) => {
    const { ledger } = openLedger(t, server)
    const until = async () => ((await ledger.pauseState()).fault?.until ?? 0) - NOW
    await ledger.raiseFault(outage('one', NOW, { afterMs: 2 * SECOND }))
    assert.equal(await until(), 5 * SECOND)
    assert.equal(await ledger.raiseFault(outage('two', NOW, { afterMs: MINUTE })), 'stands')
    assert.equal(await until(), MINUTE)
    await ledger.raiseFault(outage('two', NOW, { afterMs: 365 * 24 * 60 * MINUTE }))
    assert.equal(await until(), 60 * MINUTE)
  })

  test('is tried by one of all who come at once', async (t) => {
    const org = randomUUID()
    const workers = Array.from({ length: 4 }, () => ledgerOf(connect(t, server), org).ledger)
    const [first = assert.fail()] = workers
    await first.raiseFault(outage('one', NOW))
    const now = NOW + 5 * SECOND
    const asked = Array.from({ length: 80 }, (_, by) => {
      const ledger = workers[by % workers.length] ?? first
      return ledger.enterGate({ by: `${by}`, need: 'follow', now })
    })
    const kinds = (await Promise.all(asked)).map(({ kind }) => kind)
    assert.equal(kinds.filter((kind) => kind === 'probe').length, 1)
    assert.equal(kinds.filter((kind) => kind === 'wait').length, 79)
  })

  test('is tried by another where the probe has died, or lets go', async (t) => {
    const { ledger } = openLedger(t, server)
    await ledger.raiseFault(outage('one', NOW))
    const enter = async (by: string, now: number) =>
      (await ledger.enterGate({ by, need: 'follow', now })).kind
    const due = NOW + 5 * SECOND
    assert.equal(await enter('dead', due), 'probe')
    assert.equal(await enter('two', due + MINUTE - 1), 'wait')
    assert.equal(await enter('two', due + MINUTE), 'probe')
    await ledger.leaveGate('dead')
    assert.equal(await enter('three', due + MINUTE), 'wait')
    await ledger.leaveGate('two')
    assert.equal(await enter('three', due + MINUTE), 'probe')
  })

  test('that ended is not ended again: the next one stands', async (t) => {
    const { ledger } = openLedger(t, server)
    await ledger.raiseFault(outage('one', NOW))
    assert.equal(await ledger.clearFault(NOW), 'cleared')
    await ledger.raiseFault(outage('one', NOW + 1))
    assert.equal(await ledger.clearFault(NOW), 'kept')
    assert.equal((await ledger.pauseState()).fault?.failures, 1)
  })

  test('of the daily batches holds new ingest jobs alone, and gives way to a worse one', async (t) => {
    const { ledger } = openLedger(t, server)
    const enter = async (need: PauseNeed) =>
      (await ledger.enterGate({ by: 'two', need, now: NOW })).kind
    await ledger.raiseFault(outage('one', NOW, { reason: 'quota' }))
    assert.deepEqual([await enter('start'), await enter('follow')], ['wait', 'go'])
    assert.equal(await ledger.raiseFault(outage('one', NOW)), 'raised')
    assert.deepEqual([await enter('start'), await enter('follow')], ['wait', 'wait'])
    assert.equal(await ledger.raiseFault(outage('one', NOW, { reason: 'quota' })), 'stands')
    assert.equal((await ledger.pauseState()).fault?.reason, 'outage')
  })

  test('whose reason only a newer worker knows is waited out like any other', async (t) => {
    const { ledger, redis, keys } = openLedger(t, server)
    const fault = { reason: 'moonphase', message: '', failures: 1, since: NOW, until: NOW + 1 }
    await redis.hset(keys.pause, 'fault', JSON.stringify({ ...fault, tide: 'high' }))
    assert.equal((await ledger.pauseState()).fault?.reason, 'outage')
    assert.equal((await ledger.enterGate({ by: 'one', need: 'follow', now: NOW })).kind, 'wait')
  })
})
