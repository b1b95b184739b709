import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Context, ShutdownError } from '../../../src/shared/base/context.ts'
import { createLogger } from '../../../src/shared/base/logger.ts'
import type { OrgFault } from '../../../src/shared/store/ledger/pause-fault.ts'
import { OrgGate, type Visit } from '../../../src/worker/gate/org-gate.ts'
import { StopWatch } from '../../../src/worker/gate/stop-watch.ts'
import { type ManualClock, manualClock } from '../../helpers/clock.ts'
import { startRedis } from '../../helpers/redis.ts'
import { type Bundle, connect, ledgerOf } from '../../shared/store/ledger/setup.ts'

const server = await startRedis({ after })
const SECOND = 1000
const LOOK = 500

const OUTAGE: OrgFault = { reason: 'outage', message: 'It is down.', afterMs: 0 }

/** One org, its gate in as many workers as there are, and a Salesforce that is up or down. */
class Org {
  readonly clock: ManualClock = manualClock()
  readonly #t: TestContext
  readonly #name = randomUUID()
  readonly #stopping = new AbortController()
  readonly bundle: Bundle
  isDown = false
  calls = 0
  /** How often somebody began to wait at the gate. */
  waits = 0

  constructor(t: TestContext) {
    this.#t = t
    this.bundle = this.#connect()
  }

  #connect(): Bundle {
    return ledgerOf(connect(this.#t, server), this.#name)
  }

  worker(signal = new AbortController().signal): (...requests: string[]) => Visit {
    const { clock } = this
    const { ledger } = this.#connect()
    const log = createLogger({ level: 'silent' })
    const gate = new OrgGate({ ledger, clock, stopWatch: new StopWatch({ ledger, clock, log }) })
    this.#t.after(() => this.#stopping.abort())
    return (...requests) => {
      const ctx: Context = { log, clock, signal: AbortSignal.any([signal, this.#stopping.signal]) }
      const visit = gate.visit(requests, ctx, async () => {
        this.waits++
      })
      this.#t.after(() => visit[Symbol.asyncDispose]())
      return visit
    }
  }

  /** One step of a job: as often as it takes. */
  async step(visit: Visit, atOnce = true): Promise<void> {
    for (;;) {
      await visit.enter('follow')
      this.calls++
      await delay(1)
      if (!this.isDown) return visit.answered(true)
      if (!(await visit.failed(OUTAGE, atOnce))) await this.clock.sleep(1)
    }
  }

  /** Lets time pass in small steps until it is so. */
  async until(check: () => boolean): Promise<void> {
    for (; !check(); await delay(2)) this.clock.advance(LOOK)
  }
}

/** Waits until it is so, in whatever time that takes, while the clock stands still. */
async function seen(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await delay(2)
}

/** Time enough for whoever is awake to do what is not to be done. */
const quiet = () => delay(20)

describe('the gate of an org', { concurrency: true }, () => {
  test('that is down lets one through over all workers, and all once it is up', async (t) => {
    const org = new Org(t)
    org.isDown = true
    const jobs = [org.worker(), org.worker()].flatMap((visit) =>
      Array.from({ length: 6 }, (_, k) => visit(`r${k}`)),
    )
    let done = 0
    const steps = jobs.map((visit) => org.step(visit).then(() => done++))
    await seen(() => org.waits === jobs.length)
    // Those that were under way when the first one learned of it.
    const known = org.calls
    assert.ok(known <= jobs.length)
    const failures = async () => (await org.bundle.ledger.pauseState()).fault?.failures
    // The jobs, and what looks for stop flags in each worker.
    const allAsleep = () => seen(() => org.clock.asleep === jobs.length + 2)
    for (const [probe, seconds] of [5, 10, 20, 40].entries()) {
      await allAsleep()
      org.clock.advance(seconds * SECOND - 1)
      await allAsleep()
      assert.equal(org.calls, known + probe)
      org.clock.advance(1)
      await seen(async () => (await failures()) === probe + 2)
      assert.equal(org.calls, known + probe + 1)
    }
    org.isDown = false
    await org.until(() => done === jobs.length)
    await Promise.all(steps)
    assert.equal(org.calls, known + 4 + jobs.length)
    assert.equal((await org.bundle.ledger.pauseState()).fault, null)
  })

  test('is not shut by two failures in a row, and by a third', async (t) => {
    const org = new Org(t)
    const visit = org.worker()('r1')
    const fail = async () => {
      await visit.enter('follow')
      return visit.failed(OUTAGE, false)
    }
    assert.deepEqual([await fail(), await fail()], [false, false])
    await visit.enter('follow')
    await visit.answered(true)
    assert.deepEqual([await fail(), await fail()], [false, false])
    assert.equal((await org.bundle.ledger.pauseState()).fault, null)
    assert.equal(await fail(), true)
    assert.equal((await org.bundle.ledger.pauseState()).fault?.reason, 'outage')
  })

  test('lets another job try before the one that has shut it', async (t) => {
    const org = new Org(t)
    const visit = org.worker()
    const [poisoned, other] = [visit('r1'), visit('r2')]
    await poisoned.enter('start')
    await poisoned.failed(OUTAGE, true)
    const poisonedIn = poisoned.enter('start')
    const otherIn = other.enter('start')
    await seen(() => org.waits === 2)
    org.clock.advance(5 * SECOND)
    await otherIn
    assert.deepEqual([poisoned.isProbing, other.isProbing], [false, true])
    await other.answered(true)
    org.clock.advance(SECOND)
    await poisonedIn
    assert.equal((await org.bundle.ledger.pauseState()).fault, null)
  })

  test('stays shut while whoever has shut it is led up to what failed, and no further', async (t) => {
    const org = new Org(t)
    const visit = org.worker()('r1')
    await visit.enter('start')
    await visit.failed(OUTAGE, true)
    const entered = visit.enter('follow')
    await seen(() => org.waits === 1)
    org.clock.advance(6 * SECOND)
    await entered
    await visit.answered(false)
    await visit.enter('start')
    await visit.failed(OUTAGE, true)
    assert.equal((await org.bundle.ledger.pauseState()).fault?.failures, 2)
    const again = visit.enter('follow')
    await org.until(() => visit.isProbing)
    await again
    await visit.answered(true)
    assert.equal((await org.bundle.ledger.pauseState()).fault, null)
  })

  test('of a used-up quota opens for one whole job, and for all when that ended well', async (t) => {
    const org = new Org(t)
    const visit = org.worker()
    const [spent, first, second] = [visit('r1'), visit('r2'), visit('r3')]
    await spent.missedQuota('ExceededQuota')
    // Jobs that run are followed all the while.
    assert.equal(await spent.enter('follow'), null)
    const begun: string[] = []
    const entered = [first, second].map(async (job, k) => {
      await job.enter('start')
      begun.push(k === 0 ? 'first' : 'second')
      return job
    })
    await org.until(() => begun.length === 1)
    const probe = await Promise.race(entered)
    // Its steps are answered, its polls too: that says nothing of the quota.
    await probe.answered(true)
    await probe.enter('start')
    await probe.answered(true)
    await probe.enter('follow')
    await probe.answered(true)
    org.clock.advance(60 * SECOND)
    await quiet()
    assert.equal(begun.length, 1)
    await probe.foundQuota()
    await org.until(() => begun.length === 2)
    assert.equal((await org.bundle.ledger.pauseState()).fault, null)
  })

  test('lets the next one try when the probe is handed over', async (t) => {
    const org = new Org(t)
    const visit = org.worker()
    const [first, second] = [visit('r1'), visit('r2')]
    await first.enter('follow')
    await first.failed(OUTAGE, true)
    org.clock.advance(5 * SECOND)
    await first.enter('follow')
    assert.equal(first.isProbing, true)
    const next = second.enter('follow')
    await first[Symbol.asyncDispose]()
    await org.until(() => second.isProbing)
    assert.equal(await next, null)
  })

  test('tells a job that is not begun at once when it is no longer wanted', async (t) => {
    const org = new Org(t)
    const { ledger, submit } = org.bundle
    await submit('r1')
    await ledger.pause(false)
    const visit = org.worker()('r1')
    let told: string | null = null
    const entered = visit.enter('start').then((stop) => {
      told = stop
    })
    await seen(() => org.waits === 1)
    assert.equal(told, null)
    await ledger.cancel('r1', 'cancelled')
    await org.until(() => told !== null)
    await entered
    assert.equal(told, 'requests')
  })

  test('tells a job of several requests only when none of them wants it', async (t) => {
    const org = new Org(t)
    const { ledger, submit } = org.bundle
    for (const id of ['r1', 'r2']) await submit(id)
    const visit = org.worker()('r1', 'r2', 'r1')
    await ledger.cancel('r1', 'cancelled')
    assert.equal(await visit.enter('start'), 'some')
    assert.deepEqual([...visit.flagged], ['r1'])
    assert.equal(await visit.enter('follow'), null)
    assert.equal(visit.stopped.aborted, false)
    visit.keep(['r2'])
    assert.equal(await visit.enter('start'), null)
    await ledger.cancel('r2', 'deadline')
    await org.until(() => visit.stopped.aborted)
    assert.equal(await visit.enter('start'), 'requests')
    assert.equal(await visit.enter('follow'), 'requests')
  })

  test('tells a job that runs that an operator wants it aborted, until that is taken back', async (t) => {
    const org = new Org(t)
    const { ledger } = org.bundle
    const visit = org.worker()('r1')
    await ledger.pause(false)
    assert.equal(await visit.enter('follow'), null)
    await ledger.pause(true)
    await org.until(() => visit.stopped.aborted)
    assert.equal(await visit.enter('follow'), 'operator')
    await ledger.resume()
    assert.equal(await visit.enter('follow'), null)
    assert.equal(visit.stopped.aborted, false)
  })

  test("wakes whoever waits for an operator's word within a look, however often it changes", async (t) => {
    const org = new Org(t)
    const { ledger } = org.bundle
    const visit = org.worker()('r1')
    for (let k = 0; k < 5; k++) {
      await ledger.pause(k % 2 === 0)
      let isIn = false
      const entered = visit.enter('start').then(() => {
        isIn = true
      })
      await seen(() => org.waits === k + 1)
      assert.equal(isIn, false)
      await ledger.resume()
      await org.until(() => isIn)
      await entered
    }
  })

  test('that a server closed for an hour lets a job to be aborted try after our own delay', async (t) => {
    const org = new Org(t)
    const { ledger, submit } = org.bundle
    await submit('r1')
    const visit = org.worker()
    const [job, other] = [visit('r1'), visit('r2')]
    await job.enter('follow')
    assert.equal(await job.failed({ ...OUTAGE, afterMs: 3600 * SECOND }, true), true)
    const { fault } = await ledger.pauseState()
    assert.equal(fault?.until, org.clock.now() + 3600 * SECOND)
    let told: string | null = null
    const entered = job.enter('follow').then((stop) => {
      told = stop
    })
    let isOtherIn = false
    const follows = other.enter('follow').then(() => {
      isOtherIn = true
    })
    await seen(() => org.waits === 2)
    org.clock.advance(60 * SECOND)
    await quiet()
    assert.deepEqual([told, isOtherIn], [null, false])
    await ledger.cancel('r1', 'cancelled')
    await org.until(() => told !== null)
    await entered
    assert.deepEqual([told, job.isProbing, isOtherIn], ['requests', true, false])
    // It failed once more: the next try comes after the delay of a second failure, not after an hour.
    assert.equal(await job.failed({ ...OUTAGE, afterMs: 3600 * SECOND }, true), true)
    const again = job.enter('follow').then(() => org.clock.now())
    const failedAt = org.clock.now()
    await seen(() => org.waits === 3)
    org.clock.advance(9 * SECOND)
    // Both jobs, and what looks for stop flags.
    await seen(() => org.clock.asleep === 3)
    assert.equal(job.isProbing, false)
    org.clock.advance(2 * SECOND)
    assert.ok((await again) - failedAt <= 11 * SECOND)
    await job.answered(true)
    await org.until(() => isOtherIn)
    await follows
  })

  test('wakes a job that naps once it is to stop, and lets it nap again after that', async (t) => {
    const org = new Org(t)
    const { ledger, submit } = org.bundle
    await submit('r1')
    const visit = org.worker()('r1')
    let naps = 0
    const first = visit.nap(3600 * SECOND).then(() => naps++)
    await quiet()
    assert.equal(naps, 0)
    await ledger.cancel('r1', 'cancelled')
    await org.until(() => naps === 1)
    await first
    const second = visit.nap(3600 * SECOND).then(() => naps++)
    await quiet()
    assert.equal(naps, 1)
    org.clock.advance(3600 * SECOND)
    await second
  })

  test('lets go of whoever waits when the worker stops', async (t) => {
    const org = new Org(t)
    await org.bundle.ledger.pause(false)
    const stopping = new AbortController()
    const entered = org.worker(stopping.signal)('r1').enter('start')
    await seen(() => org.waits === 1)
    stopping.abort(new ShutdownError('The worker stops.'))
    await assert.rejects(entered, ShutdownError)
  })
})
