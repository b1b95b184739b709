import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import {
  BudgetExceededError,
  type CallerLimits,
} from '../../../../src/shared/contract/caller-limits.ts'
import { orgKeys } from '../../../../src/shared/store/ledger/keys.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { type Bundle, openLedger, PLAN, planLock, settlement, submission } from './setup.ts'

const server = await startRedis({ after })
const limits = (hour: number | null, day: number | null = null): CallerLimits => ({
  recordsPerHour: hour,
  recordsPerDay: day,
  files: null,
})
const BUCKET_SECONDS = 300

function setup(t: TestContext) {
  const bundle = openLedger(t, server)
  const { ledger, redis, keys } = bundle
  return {
    ...bundle,
    /** 'accepted', or the seconds after which the list would fit. */
    submitList: async (id: string, records: number, held: CallerLimits, by = 'crm') => {
      try {
        return await ledger.accept({
          ...submission({ id }),
          submittedBy: by,
          limits: held,
          records,
        })
      } catch (error) {
        assert.ok(error instanceof BudgetExceededError, String(error))
        return error.retryAfterSeconds
      }
    },
    /** A request whose size only its plan tells. */
    submitUpload: (id: string, held: CallerLimits | undefined, by = 'crm') =>
      ledger.accept({ ...submission({ id }), submittedBy: by, limits: held }),
    plan: (
      id: string,
      accepted: number,
      more: Partial<Parameters<Bundle['ledger']['planned']>[0]>,
    ) => plan(bundle, id, accepted, more),
    spent: async (by = 'crm') => sumOf(await redis.hgetall(keys.spent(by))),
    /** As if all that was spent so far had been so much earlier. */
    pass: async (seconds: number, by = 'crm') => {
      for (const key of [keys.spent(by), keys.unapproved(by)]) {
        const earlier = Object.entries(await redis.hgetall(key)).map(([bucket, records]) => [
          String(Number(bucket) - seconds / BUCKET_SECONDS),
          records,
        ])
        await redis.del(key)
        if (earlier.length > 0) await redis.hset(key, Object.fromEntries(earlier))
      }
    },
  }
}

async function plan(
  { ledger, grab }: Bundle,
  id: string,
  accepted: number,
  more: Partial<Parameters<Bundle['ledger']['planned']>[0]>,
) {
  const lock = await grab(planLock(id))
  await ledger.beginPlanning({ id, lot: 'lot-1', lock })
  const entry = { id, lot: 'lot-1', plan: { ...PLAN, accepted }, orders: [], lock, caller: 'crm' }
  return ledger.planned({ ...entry, next: 'deleting', ...more })
}

const sumOf = (buckets: Record<string, string>) =>
  Object.values(buckets).reduce((sum, records) => sum + Number(records), 0)

describe('a budget', () => {
  test('admits exactly what it has, however many lists come at once', async (t) => {
    const { submitList, spent } = setup(t)
    const lists = Array.from({ length: 60 }, (_, n) => submitList(`R${n}`, 10, limits(55)))
    const accepted = (await Promise.all(lists)).filter((answer) => answer === 'accepted')
    assert.equal(accepted.length, 5)
    assert.equal(await spent(), 50)
  })

  test('counts a repeated request once, and a refused one not at all', async (t) => {
    const { submitList, spent, ledger } = setup(t)
    assert.equal(await submitList('R1', 40, limits(50)), 'accepted')
    assert.equal(await submitList('R1', 40, limits(50)), 'existing')
    assert.equal(typeof (await submitList('R2', 40, limits(50))), 'number')
    assert.equal(await ledger.load('R2'), null)
    assert.equal(await spent(), 40)
  })

  test('tells when a list fits again, and then it does', async (t) => {
    const { submitList, pass } = setup(t)
    assert.equal(await submitList('R1', 5, limits(10, 15)), 'accepted')
    assert.equal(await submitList('R2', 5, limits(10, 15)), 'accepted')
    const wait = await submitList('R3', 1, limits(10, 15))
    assert.ok(typeof wait === 'number' && wait > 3300 && wait <= 3900, String(wait))
    await pass(3900)
    assert.equal(await submitList('R3', 5, limits(10, 15)), 'accepted')
    // The hour has room, the day has none.
    const day = await submitList('R4', 1, limits(10, 15))
    assert.ok(typeof day === 'number' && day > 80_000 && day <= 86_700 - 3900, String(day))
    await pass(86_700)
    assert.equal(await submitList('R4', 10, limits(10, 15)), 'accepted')
  })

  test('without approval is one for all whose name nobody has verified', () => {
    const keys = orgKeys('any')
    for (const name of ['alice@host', 'bullmq:42']) {
      assert.equal(keys.unapproved(name), keys.unapproved(null))
    }
    assert.notEqual(keys.unapproved('crm'), keys.unapproved(null))
  })

  test('is each caller’s own', async (t) => {
    const { submitList } = setup(t)
    assert.equal(await submitList('R1', 10, limits(10), 'crm'), 'accepted')
    assert.equal(await submitList('R2', 10, limits(10), 'shop'), 'accepted')
    assert.equal(typeof (await submitList('R3', 1, limits(10), 'crm')), 'number')
    // Programs may name their callers by address.
    for (const [n, name] of ['alice@example.org', 'bob@example.org'].entries()) {
      assert.equal(await submitList(`M${n}`, 10, limits(10), name), 'accepted')
    }
  })

  test('is charged with what a plan accepts, where nobody knew before', async (t) => {
    const { submitUpload, plan, spent, ledger } = setup(t)
    const held = limits(null, 100)
    for (const id of ['R1', 'R2', 'R3']) await submitUpload(id, held)
    assert.equal(await plan('R1', 60, { limits: held }), 'ok')
    assert.equal(await plan('R2', 41, { limits: held }), 'over-budget')
    assert.equal((await ledger.load('R2'))?.status, 'planning')
    assert.equal((await ledger.load('R2'))?.plan, null)
    assert.equal(await plan('R3', 40, { limits: held }), 'ok')
    assert.equal(await plan('R3', 40, { limits: held }), 'ok')
    assert.equal(await spent(), 100)
  })

  test('gets back what the plan of a list did not need', async (t) => {
    const { submitList, plan, spent } = setup(t)
    const held = limits(100)
    await submitList('R1', 100, held)
    assert.equal(await plan('R1', 30, { limits: held }), 'ok')
    assert.equal(await spent(), 30)
    assert.equal(await submitList('R2', 70, held), 'accepted')
  })

  test('gets back what was refused or turned down, and nothing once it is being deleted', async (t) => {
    const { submitList, plan, spent, ledger } = setup(t)
    const held = limits(100)
    const settle = (id: string, from: 'queued' | 'awaiting-approval' | 'deleting') =>
      ledger.settle({ ...settlement(id, { from: [from] }), caller: 'crm', unsent: [] })
    for (const id of ['R1', 'R2', 'R3']) await submitList(id, 30, held)
    await settle('R1', 'queued')
    assert.equal(await spent(), 60)
    await plan('R2', 30, { limits: held, next: 'awaiting-approval' })
    await settle('R2', 'awaiting-approval')
    await settle('R2', 'awaiting-approval')
    assert.equal(await spent(), 30)
    await plan('R3', 30, { limits: held })
    assert.equal(await settle('R3', 'deleting'), 'settled')
    assert.equal(await spent(), 30)
  })

  test('takes nothing back for an hour that is long gone', async (t) => {
    const { submitList, pass, spent, ledger } = setup(t)
    await submitList('R1', 30, limits(100))
    await pass(100_000)
    await ledger.settle({ ...settlement('R1', { from: ['queued'] }), caller: 'crm' })
    assert.equal(await spent(), 30, 'of the old bucket alone')
    await submitList('R2', 100, limits(100))
    assert.equal(await spent(), 100)
  })

  test('is never exceeded in any window, whatever is asked and however time goes', async (t) => {
    const step = fc.record({
      records: fc.integer({ min: 1, max: 8 }),
      minutes: fc.constantFrom(0, 0, 5, 25, 60, 300, 1440),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { submitList, pass } = setup(t)
        const accepted: { at: number; records: number }[] = []
        let now = 0
        for (const [n, { records, minutes }] of steps.entries()) {
          if (minutes > 0) await pass(minutes * 60)
          now += minutes
          const answer = await submitList(`R${n}`, records, limits(10, 20))
          if (answer === 'accepted') accepted.push({ at: now, records })
          for (const [window, limit] of [
            [60, 10],
            [1440, 20],
          ] as const) {
            const within = accepted.filter(({ at }) => at > now - window)
            assert.ok(within.reduce((sum, one) => sum + one.records, 0) <= limit)
            // What left every bucket of the window counts no longer.
            const near = accepted.filter(({ at }) => at >= now - window - 5)
            const sum = near.reduce((total, one) => total + one.records, 0)
            if (window === 1440 && sum === 0) assert.equal(answer, 'accepted')
          }
        }
      }),
      { numRuns: runs(25) },
    )
  })
})

describe('a purge in many small requests', () => {
  test('awaits approval from where one of its size would', async (t) => {
    const { submitUpload, plan, ledger } = setup(t)
    const answers: string[] = []
    for (let n = 0; n < 4; n++) {
      await submitUpload(`R${n}`, undefined)
      answers.push(await plan(`R${n}`, 40, { approvalAbove: 100 }))
    }
    assert.deepEqual(answers, ['ok', 'ok', 'parked', 'parked'])
    assert.equal((await ledger.load('R2'))?.status, 'awaiting-approval')
    // Told the same when the answer was lost.
    assert.equal(await plan('R2', 40, { approvalAbove: 100 }), 'parked')
    await submitUpload('small', undefined)
    assert.equal(await plan('small', 20, { approvalAbove: 100 }), 'ok', 'there is room for it')
  })

  test('is counted for each caller and in 24 hours; what somebody approved is not', async (t) => {
    const { submitUpload, plan, pass } = setup(t)
    const all = { approvalAbove: 100 } as const
    const of = async (id: string, more: Parameters<typeof plan>[2]) => {
      await submitUpload(id, undefined)
      return plan(id, 80, more)
    }
    assert.equal(await of('R1', { ...all, next: 'awaiting-approval' }), 'ok')
    assert.equal(await of('R2', all), 'ok')
    assert.equal(await of('R3', { ...all, caller: 'shop' }), 'ok')
    assert.equal(await of('R4', { ...all, caller: null }), 'ok')
    assert.equal(await of('R5', { ...all, caller: null }), 'parked')
    assert.equal(await of('R6', all), 'parked')
    await pass(86_700)
    assert.equal(await of('R7', all), 'ok')
    assert.equal(await of('R8', {}), 'ok', 'without such a limit nothing waits')
  })

  test('waits for approval exactly, however many plans end at once', async (t) => {
    const { submitUpload, plan } = setup(t)
    const ids = Array.from({ length: 20 }, (_, n) => `R${n}`)
    for (const id of ids) await submitUpload(id, undefined)
    const answers = await Promise.all(ids.map((id) => plan(id, 10, { approvalAbove: 70 })))
    assert.equal(answers.filter((answer) => answer === 'ok').length, 7)
  })
})
