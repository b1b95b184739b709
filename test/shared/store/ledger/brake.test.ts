import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { NO_OUTCOME, type Outcome } from '../../../../src/shared/contract/receipt.ts'
import { FALSE_ALARM, RATIO } from '../../../../src/shared/store/ledger/brake.ts'
import type { ChunkOutcome } from '../../../../src/shared/store/ledger/chunk.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'
import { startRedis } from '../../../helpers/redis.ts'
import {
  type Bundle,
  chunkOutcome,
  chunkRef,
  connect,
  ingestOrder,
  openLedger,
  orderLock,
  PLAN,
  planLock,
  submission,
} from './setup.ts'

const server = await startRedis({ after })
const redis = connect({ after }, server)

/** The fewest bad rows of 1, 2, … `most` that are beyond the ratio; `most + 1` where none are. */
async function limits(ratio: number, most: number): Promise<readonly number[]> {
  const lua = `${RATIO}
    local limits, bad = {}, 0
    for rows = 1, tonumber(ARGV[2]) do
      bad = 0
      while bad <= rows and not beyond(bad, rows, tonumber(ARGV[1])) do bad = bad + 1 end
      limits[rows] = bad
    end
    return limits`
  const answer = await redis.eval(lua, 0, ratio, most)
  return (Array.isArray(answer) ? answer : []).map(Number)
}

/** The chance that rows failing independently with `ratio` ever reach one of the limits. */
function chanceOfAlarm(ratio: number, limits: readonly number[]): number {
  let chances = [1]
  let alarm = 0
  for (const limit of limits) {
    const next = new Array<number>(chances.length + 1).fill(0)
    for (const [bad, chance] of chances.entries()) {
      next[bad] = (next[bad] ?? 0) + chance * (1 - ratio)
      next[bad + 1] = (next[bad + 1] ?? 0) + chance * ratio
    }
    alarm += next.slice(limit).reduce((sum, chance) => sum + chance, 0)
    chances = next.slice(0, limit)
  }
  return alarm
}

describe('the rule by which failures are too many', () => {
  const RATIOS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]

  test('alarms falsely less often than it says, though it looks after every row', async () => {
    for (const ratio of RATIOS) {
      const chance = chanceOfAlarm(ratio, await limits(ratio, 500))
      assert.ok(chance < FALSE_ALARM, `${ratio}: ${chance}`)
      assert.ok(chance > 0 || ratio > 0.9, `${ratio} never alarms`)
    }
  })

  test('alarms at more failures of as many rows, never at fewer of more', async () => {
    const bad = fc.nat(1000)
    const rows = fc.integer({ min: 1, max: 1000 })
    const ratio = fc.double({ min: 0, max: 1, noNaN: true })
    const property = fc.asyncProperty(bad, rows, ratio, async (bad, rows, ratio) => {
      const lua = `${RATIO}
        local bad, rows, ratio = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
        local function flag(is) return is and 1 or 0 end
        return { flag(beyond(bad, rows, ratio)), flag(beyond(bad + 1, rows, ratio)),
          flag(beyond(bad, rows + 1, ratio)), flag(above(bad, rows, ratio)) }`
      const answer = await redis.eval(lua, 0, bad, rows, ratio)
      const [here, worse, better, above] = (Array.isArray(answer) ? answer : []).map(Number)
      if (here) assert.deepEqual([worse, above], [1, 1])
      if (better && bad <= rows) assert.equal(here, 1)
    })
    await fc.assert(property, { numRuns: runs(500) })
  })

  test('needs as few rows as it says', async () => {
    const first = async (ratio: number) =>
      (await limits(ratio, 100)).findIndex((limit, at) => limit <= at + 1) + 1
    assert.deepEqual(await Promise.all([0, 0.1, 0.5, 1].map(first)), [1, 7, 25, 0])
    const beyond = async (bad: number, rows: number) =>
      redis.eval(`${RATIO} return beyond(${bad}, ${rows}, 0.5) and 1 or 0`, 0)
    assert.deepEqual([await beyond(5339, 10_000), await beyond(5340, 10_000)], [0, 1])
    assert.deepEqual([await beyond(2_508_549, 5e6), await beyond(2_508_550, 5e6)], [0, 1])
  })

  test('takes an exact share as allowed, whatever binary fractions make of it', async () => {
    const lua = `${RATIO}
      for percent = 0, 100 do for rows = 100, 10000, 100 do
        if above(percent * rows / 100, rows, percent / 100) then return percent end
      end end
      return -1`
    assert.equal(await redis.eval(lua, 0), -1)
  })
})

interface Facts {
  readonly outcome: Partial<Outcome>
  /** Ids of the first chunk where it is a canary. */
  readonly canary?: number
  readonly maxFailureRatio?: number | null
  /** How many of its rows go again. */
  readonly again?: number
}

/** A request with two chunks, of which the first gets this outcome. */
async function judged(bundle: Bundle, { outcome, canary = 0, again = 0, ...fields }: Facts) {
  const { ledger, grab } = bundle
  await ledger.accept(submission({ id: 'R1', ...fields }))
  const plan = await grab(planLock('R1'))
  await ledger.beginPlanning({ id: 'R1', lot: 'lot-1', lock: plan })
  const orders = [FIRST, SECOND]
  const entry = { id: 'R1', lot: 'lot-1', plan: PLAN, orders, canary, lock: plan }
  await ledger.planned({ ...entry, next: 'deleting' })
  const ref = { ...chunkRef('R1', 9, 2), count: again }
  const recorded = await record(bundle, FIRST, {
    outcome: outcomeOf(outcome),
    again: again === 0 ? [] : [ingestOrder('r1.9.2', [ref])],
  })
  return standing(bundle, recorded)
}

async function record(
  { ledger, grab }: Bundle,
  order: ReturnType<typeof ingestOrder>,
  result: { outcome: ChunkOutcome; again?: ReturnType<typeof ingestOrder>[] },
) {
  const [ref = assert.fail()] = order.chunks
  const lock = await grab(orderLock(order.order))
  const outcomes = [{ ref, ...result }]
  return ledger.recordOutcome({ order: order.order, outcomes, lock })
}

async function standing(
  { ledger }: Bundle,
  recorded: Awaited<ReturnType<Bundle['ledger']['recordOutcome']>>,
): Promise<'pulled' | 'passed' | 'goes on'> {
  assert.ok(recorded.kind === 'ok')
  const [chunk = assert.fail()] = recorded.chunks
  const [reason] = await ledger.stopReasons(['R1'])
  assert.equal(chunk.stopped, reason === 'brake')
  assert.equal((await ledger.load('R1'))?.brake !== null, chunk.stopped)
  return chunk.stopped ? 'pulled' : chunk.passed ? 'passed' : 'goes on'
}

const FIRST = ingestOrder('r1.0.1', [chunkRef('R1', 0)])
const SECOND = ingestOrder('r1.1.1', [chunkRef('R1', 1)])
const outcomeOf = (counts: Partial<Outcome>): ChunkOutcome => ({
  ...chunkOutcome(0),
  outcome: { ...NO_OUTCOME, ...counts },
})

describe('the verdicts of a request', () => {
  const CASES: Readonly<Record<string, Facts & { readonly comes: 'pulled' | 'goes on' }>> = {
    'failures beyond chance': { outcome: { failed: 25 }, comes: 'pulled' },
    'failures that chance allows': { outcome: { failed: 24 }, comes: 'goes on' },
    'two of three': { outcome: { failed: 2, deleted: 1 }, comes: 'goes on' },
    'rows that were not processed': { outcome: { unprocessed: 25 }, comes: 'pulled' },
    'records that were gone before': { outcome: { alreadyGone: 9000 }, comes: 'goes on' },
    'sixty in a hundred where ten may fail': {
      ...{ outcome: { failed: 60, deleted: 40 }, maxFailureRatio: 0.1 },
      comes: 'pulled',
    },
    'one failure where none may be': {
      ...{ outcome: { failed: 1, deleted: 999 }, maxFailureRatio: 0, comes: 'pulled' },
    },
    'failures where all may be': {
      ...{ outcome: { failed: 9000 }, maxFailureRatio: 1, comes: 'goes on' },
    },
    'failures where the brake is off': {
      ...{ outcome: { failed: 9000 }, maxFailureRatio: null, comes: 'goes on' },
    },
  }
  for (const [title, { comes, ...facts }] of Object.entries(CASES)) {
    test(`${title}: ${comes}`, async (t) => {
      assert.equal(await judged(openLedger(t, server), facts), comes)
    })
  }

  test('of the last chunk pull no brake: nothing is left to hold back', async (t) => {
    const bundle = openLedger(t, server)
    await bundle.deleting('R1', [FIRST])
    const recorded = await record(bundle, FIRST, { outcome: outcomeOf({ failed: 5000 }) })
    assert.equal(await standing(bundle, recorded), 'goes on')
  })

  test('of several chunks of an ingest job are judged together', async (t) => {
    const bundle = openLedger(t, server)
    const both = ingestOrder('r1.0.1', [chunkRef('R1', 0), chunkRef('R1', 1)])
    await bundle.deleting('R1', [both, ingestOrder('r1.2.1', [chunkRef('R1', 2)])])
    const lock = await bundle.grab(orderLock(both.order))
    const [bad, good] = [{ failed: 30 }, { deleted: 30 }].map(outcomeOf)
    assert.ok(bad && good)
    const outcomes = both.chunks.map((ref, at) => ({ ref, outcome: at === 0 ? bad : good }))
    const recorded = await bundle.ledger.recordOutcome({ order: both.order, outcomes, lock })
    assert.equal(await standing(bundle, recorded), 'goes on')
  })

  test('tell what pulled it, and of how many', async (t) => {
    const bundle = openLedger(t, server)
    await judged(bundle, { outcome: { failed: 40, deleted: 2 } })
    const record = await bundle.ledger.load('R1')
    assert.deepEqual(record?.brake, { by: 'ratio', bad: 40, rows: 42 })
  })

  test('come too late for a request that is cancelled already', async (t) => {
    const bundle = openLedger(t, server)
    await bundle.deleting('R1', [FIRST, SECOND])
    await bundle.ledger.cancel('R1', 'cancelled')
    await record(bundle, FIRST, { outcome: outcomeOf({ failed: 5000 }) })
    assert.deepEqual(await bundle.ledger.stopReasons(['R1']), ['cancelled'])
    assert.equal((await bundle.ledger.load('R1'))?.brake, null)
  })
})

describe('a canary', () => {
  type Comes = 'pulled' | 'passed' | 'goes on'
  const CASES: Readonly<Record<string, Facts & { readonly comes: Comes }>> = {
    'of which all were deleted': { outcome: { deleted: 500 }, canary: 500, comes: 'passed' },
    'that failed entirely': { outcome: { failed: 500 }, canary: 500, comes: 'pulled' },
    'that could not be sent at all': {
      ...{ outcome: { unprocessed: 500 }, canary: 500, comes: 'pulled' },
    },
    'all of it gone before': { outcome: { alreadyGone: 500 }, canary: 500, comes: 'passed' },
    'with exactly the share that is allowed': {
      ...{ outcome: { failed: 250, deleted: 250 }, canary: 500, comes: 'passed' },
    },
    'with one failure more, though that may be chance': {
      ...{ outcome: { failed: 251, deleted: 249 }, canary: 500, comes: 'pulled' },
    },
    'of a single id that failed': { outcome: { failed: 1 }, canary: 1, comes: 'pulled' },
    'with so few rows left that they cannot matter': {
      ...{ outcome: { deleted: 497 }, canary: 500, again: 3, comes: 'passed' },
    },
    'with rows left that may all fail': {
      ...{ outcome: { failed: 240, deleted: 240 }, canary: 500, again: 20, comes: 'goes on' },
    },
    'with rows left that cannot save it': {
      ...{ outcome: { failed: 251, deleted: 9 }, canary: 500, again: 240, comes: 'pulled' },
    },
    'with a row left where none may fail': {
      ...{ outcome: { deleted: 499 }, canary: 500, again: 1, maxFailureRatio: 0 },
      comes: 'goes on',
    },
    'where the brake is off': {
      ...{ outcome: { failed: 500 }, canary: 500, maxFailureRatio: null, comes: 'passed' },
    },
  }
  for (const [title, { comes, ...facts }] of Object.entries(CASES)) {
    test(`${title}: ${comes}`, async (t) => {
      const bundle = openLedger(t, server)
      assert.equal(await judged(bundle, facts), comes)
      const now = (await bundle.ledger.load('R1'))?.canary
      assert.equal(now, comes === 'passed' ? 0 : facts.canary)
    })
  }

  test('passes with the rows of it that went again', async (t) => {
    const bundle = openLedger(t, server)
    await judged(bundle, { outcome: { failed: 240, deleted: 240 }, canary: 500, again: 20 })
    const again = ingestOrder('r1.9.2', [chunkRef('R1', 9, 2)])
    const recorded = await record(bundle, again, { outcome: outcomeOf({ deleted: 20 }) })
    assert.equal(await standing(bundle, recorded), 'passed')
  })
})

describe('the counters of a job at work', () => {
  /** Two jobs of ten thousand rows each. */
  const large = (chunk: number) =>
    ingestOrder(`r1.${chunk}.1`, [{ ...chunkRef('R1', chunk), count: 10_000 }])

  async function working(bundle: Bundle) {
    await bundle.deleting('R1', [large(0), large(1)])
    return (chunk: number, processed: number, failed: number) =>
      looked(bundle, chunk, processed, failed)
  }

  async function looked(
    { ledger, grab }: Bundle,
    chunk: number,
    processed: number,
    failed: number,
  ) {
    const order = large(chunk)
    const lock = await grab(orderLock(order.order))
    return ledger.saveProgress({ order, progress: { processed, failed }, lock })
  }

  test('raise a suspicion beyond chance, with what is left to hold back', async (t) => {
    const look = await working(openLedger(t, server))
    assert.equal(await look(0, 24, 24), 'ok')
    assert.equal(await look(0, 10_000, 10_000), 'ok')
    assert.equal(await look(0, 25, 25), 'suspect')
    // Whoever died before it could save that hears it again.
    assert.equal(await look(0, 25, 25), 'suspect')
    assert.equal(await look(0, 9999, 26), 'suspect')
  })

  test('count together with the verdicts', async (t) => {
    const bundle = openLedger(t, server)
    const look = await working(bundle)
    await record(bundle, large(0), { outcome: outcomeOf({ deleted: 500 }) })
    assert.equal(await look(1, 500, 500), 'ok')
    assert.equal(await look(1, 900, 900), 'suspect')
  })

  test('raise one suspicion at a time', async (t) => {
    const bundle = openLedger(t, server)
    const look = await working(bundle)
    assert.equal(await look(0, 500, 500), 'suspect')
    assert.equal(await look(1, 500, 500), 'ok')
    await record(bundle, large(0), { outcome: outcomeOf({ deleted: 2 }) })
    assert.equal(await look(1, 500, 500), 'ok', 'the first was refuted over 500 rows')
    assert.equal(await look(1, 5000, 5000), 'suspect')
  })

  test('that were refuted without suspicion are not believed at once either', async (t) => {
    const bundle = openLedger(t, server)
    const look = await working(bundle)
    assert.equal(await look(0, 10_000, 10_000), 'ok', 'nothing of the job is left')
    await record(bundle, large(0), { outcome: outcomeOf({ alreadyGone: 10_000 }) })
    assert.equal(await look(1, 9999, 9999), 'ok')
  })

  test('say nothing where they are of several requests', async (t) => {
    const bundle = openLedger(t, server)
    const order = ingestOrder('both', [chunkRef('R1', 0), chunkRef('R2', 0)])
    await bundle.deleting('R1', [order])
    await bundle.deleting('R2', [order])
    const lock = await bundle.grab(orderLock('both'))
    const progress = { processed: 15, failed: 15 }
    assert.equal(await bundle.ledger.saveProgress({ order, progress, lock }), 'ok')
  })
})
