import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orgWords } from '../../../src/cli/render/org.ts'
import { costWords, planTable, question } from '../../../src/cli/render/plan.ts'
import { plain } from '../plain.ts'
import { identity, plan, request } from './fixtures.ts'

const cost = (left: number, free: number, days: number | null) => ({
  batches: 100,
  left,
  free,
  days,
})

test('the plan shows what was read and what it takes of the allowance', () => {
  assert.deepEqual(planTable(plan, request, cost(14_900, 13_400, 0), plain).split('\n'), [
    '  Rows read    1,000,000',
    '  Accepted       999,000',
    '  Invalid              2  listed in invalid.csv',
    '  Duplicate          998  sent once',
    '  Unchecked           12  15 characters, no checksum',
    '  Ingest jobs          1',
    '  Batches            100  of 14,900 left today',
  ])
})

test('a plan that takes more than is left says how long it waits', () => {
  assert.equal(costWords(cost(99, 99, 1)), 'of 99 left today; the rest waits: takes at least 1 day')
  assert.equal(
    costWords(cost(1520, 20, 2)),
    'of 1,520 left today, 20 without the reserve; the rest waits: takes at least 2 days',
  )
  assert.match(
    costWords(cost(0, 0, null)),
    /; the rest waits until other users of the org use less$/,
  )
})

test('where nobody has to decide nothing is said of the allowance', () => {
  assert.match(planTable(plan, request, null, plain), /Batches +100$/)
})

test('an allowance that is unknown is shown as unknown', () => {
  const unknown = { batches: 100, left: null, free: null, days: null }
  assert.match(planTable(plan, request, unknown, plain), /Batches +100 {2}daily allowance unknown/)
})

const batchesOf = (changed: Partial<typeof plan>) =>
  Number(
    /Batches +([\d,]+)/
      .exec(planTable({ ...plan, ...changed }, request, null, plain))?.[1]
      ?.replace(',', ''),
  )

test('a part of a batch counts as one, in each ingest job', () => {
  assert.equal(batchesOf({ accepted: 1 }), 1)
  assert.equal(batchesOf({ accepted: 10_000 }), 1)
  assert.equal(batchesOf({ accepted: 10_001 }), 2)
  assert.equal(batchesOf({ accepted: 10_000_000, chunks: 3 }), 1002)
  assert.equal(batchesOf({ accepted: 0, chunks: 0 }), 0)
})

test('the question names how many of what, where, and how many ids nothing vouches for', () => {
  assert.equal(
    question({ ...plan, unchecked: 0 }, request, orgWords(identity)),
    'Delete 999,000 Contact records in PRODUCTION org Acme (00D5f0000000001EAA)?',
  )
  assert.match(question(plan, request, 'org x'), /12 ids have 15 characters and no checksum/)
  assert.match(question({ ...plan, accepted: 1 }, request, 'org x'), /^Delete 1 Contact record in/)
})

test('the question says that a hard delete is for good, and never calls an unknown org a sandbox', () => {
  const hard = question(plan, { ...request, operation: 'hardDelete' }, orgWords(identity))
  assert.match(hard, /records permanently, bypassing the Recycle Bin, in PRODUCTION/)
  assert.match(
    question(plan, request, orgWords({ ...identity, isSandbox: true })),
    / in sandbox org Acme/,
  )
  const unknown = question(plan, request, orgWords({ ...identity, isSandbox: null, name: null }))
  assert.match(unknown, / in org 00D5f0000000001EAA\?/)
})
