import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addFailures } from '../../../src/shared/contract/receipt.ts'
import { fc, runs } from '../../helpers/fast-check.ts'

const counts = fc.dictionary(
  fc.stringMatching(/^[A-Z]_[A-Z0-9]{1,3}$/),
  fc.integer({ min: 1, max: 9 }),
  {
    maxKeys: 120,
  },
)
const sumOf = (failures: Readonly<Record<string, number>>) =>
  Object.values(failures).reduce((sum, count) => sum + count, 0)

test('failures that are added lose no row, however many codes they have', () => {
  fc.assert(
    fc.property(fc.array(counts, { maxLength: 4 }), (all) => {
      const sum = all.reduce(addFailures, {})
      assert.equal(
        sumOf(sum),
        all.reduce((rows, one) => rows + sumOf(one), 0),
      )
      assert.ok(Object.keys(sum).length <= 101)
    }),
    { numRuns: runs(50) },
  )
})

test('past a hundred codes the others are counted together', () => {
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`CODE_${n}`, 1]))
  const sum = addFailures({ CODE_0: 4 }, many)
  assert.equal(sum['CODE_0'], 5)
  assert.equal(sum['UNKNOWN_ERROR'], 50)
})
