import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { csvBody } from '../../../src/worker/ids/delete-csv.ts'
import { canaryOf, PlanStager } from '../../../src/worker/plan/stage-plan.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { id15 } from '../../helpers/ids.ts'
import { memoryStaging } from './memory-staging.ts'

/** A plan of up to this many ids has no canary. */
const CANARY_ABOVE = 20_000

const MOST = 120_000
const IDS = Buffer.from(Array.from({ length: MOST }, (_, n) => id15(n)).join(''))
type PlanLimits = ConstructorParameters<typeof PlanStager>[2]

const DEFAULTS: PlanLimits = { job: 5_000_000, plan: 1_000_000, canary: 10_000 }

/** A plan of so many ids, handed over in blocks of so many. */
async function stage(count: number, limits: Partial<PlanLimits> = {}, block = 3000) {
  const { staging } = memoryStaging()
  const lot = { request: 'r', lot: 'p' }
  const stager = new PlanStager(staging, lot, { ...DEFAULTS, ...limits })
  for (let at = 0; at < count; at += block) {
    await stager.write(IDS.subarray(15 * at, 15 * Math.min(count, at + block)))
  }
  return { staging, ...(await stager.end()) }
}

const sizes = ({ jobs }: Awaited<ReturnType<typeof stage>>) =>
  jobs.map((chunks) => chunks.map(({ count }) => count))

describe('a canary', () => {
  test('is a hundredth of the plan, 500 ids at least, and as many as the org allows', () => {
    const of = (accepted: number, most = 10_000) => canaryOf(accepted, most)
    assert.deepEqual([of(0), of(20_000), of(20_001), of(50_001)], [0, 0, 500, 501])
    assert.deepEqual([of(200_000), of(999_999), of(5_200_000)], [2000, 10_000, 10_000])
    assert.deepEqual([of(5_200_000, 0), of(20_001, 3), of(5_200_000, 499)], [0, 3, 499])
  })

  test('is taken of no plan that is too small for one', async () => {
    assert.deepEqual(sizes(await stage(20_000)), [[20_000]])
    assert.deepEqual(sizes(await stage(0)), [])
    assert.deepEqual(sizes(await stage(20_001, { canary: 0 })), [[20_001]])
    assert.deepEqual(sizes(await stage(20_000, { job: 9000 })), [[9000], [9000], [2000]])
  })

  test('takes one ingest job, and no other', async () => {
    assert.deepEqual(sizes(await stage(20_001)), [[500], [9500, 10_001]])
    assert.deepEqual(sizes(await stage(120_000)), [[1200], [8800, 110_000]])
    assert.deepEqual(sizes(await stage(120_000, { canary: 1000 })), [[1000], [119_000]])
    assert.deepEqual(sizes(await stage(120_000, { plan: 120_000 })), [[1200], [118_800]])
  })

  test('leaves room for what it leaves of the ids that waited', async () => {
    assert.deepEqual(sizes(await stage(50_000, { job: 15_000 })), [
      [500],
      [9500, 5000],
      [15_000],
      [15_000],
      [5000],
    ])
    assert.deepEqual(sizes(await stage(21_000, { job: 6000 })), [
      [500],
      [5500],
      [6000],
      [6000],
      [3000],
    ])
    assert.deepEqual(sizes(await stage(20_001, { job: 400 })).length, 51)
  })
})

describe('a staged plan', () => {
  test('loses, doubles and moves nothing, and no job is too large', async () => {
    const counts = fc.oneof(fc.nat(MOST), fc.constantFrom(CANARY_ABOVE, CANARY_ABOVE + 1))
    const limits = fc.record({
      job: fc.integer({ min: 300, max: 150_000 }),
      plan: fc.integer({ min: MOST, max: 10_000_000 }),
      canary: fc.nat(20_000),
    })
    const block = fc.integer({ min: 1000, max: 30_000 })
    await fc.assert(
      fc.asyncProperty(counts, limits, block, async (count, limits, block) => {
        const { staging, jobs, canary } = await stage(count, limits, block)
        const sent: Buffer[] = []
        for (const chunks of jobs) {
          const job = Buffer.concat(await Array.fromAsync(csvBody(chunks, staging)))
          const rows = job.toString().split('\n').slice(1, -1)
          assert.ok(rows.length <= limits.job)
          sent.push(Buffer.from(rows.map((row) => row.slice(0, 15)).join('')))
        }
        assert.ok(Buffer.concat(sent).equals(IDS.subarray(0, 15 * count)))
        assert.equal(canary, Math.min(canaryOf(count, limits.canary), limits.job))
        if (canary > 0) assert.equal(jobs[0]?.[0].count, canary)
        const numbers = jobs.flat().map(({ chunk }) => chunk)
        assert.deepEqual(
          numbers,
          [...new Set(numbers)].sort((a, b) => a - b),
        )
        assert.ok(numbers.length === 0 || numbers[0] === 0)
        const fewest = Math.ceil((count - canary) / limits.job) + (canary > 0 ? 1 : 0)
        assert.ok(jobs.length <= fewest + 1, `${jobs.length} jobs where ${fewest} would do`)
      }),
      { numRuns: runs(40) },
    )
  })
})
