import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupCommit } from '../../../src/shared/base/group-commit.ts'

/** Doubles each, and notes what came in one call. */
function doubling(most: number) {
  const calls: number[][] = []
  const act = async (all: readonly number[]) => {
    calls.push([...all])
    return all.map((one) => one * 2)
  }
  return { calls, double: groupCommit(most, act) }
}

test('what is asked for at once is done by one call, and each gets its own result', async () => {
  const { calls, double } = doubling(10)
  assert.deepEqual(await Promise.all([double(1), double(2), double(3)]), [2, 4, 6])
  assert.deepEqual(calls, [[1, 2, 3]])
})

test('no call does more than it may, none is empty, and nothing is left over', async () => {
  const { calls, double } = doubling(2)
  assert.deepEqual(await Promise.all([1, 2, 3, 4, 5].map(double)), [2, 4, 6, 8, 10])
  assert.deepEqual(calls, [[1, 2], [3, 4], [5]])
  assert.equal(await double(6), 12)
  assert.deepEqual(calls.slice(3), [[6]])
})

test('a call that fails fails for those who share it, and for nobody else', async () => {
  const double = groupCommit<number, number>(2, async (all) => {
    if (all.includes(0)) throw new Error('zero')
    return all.map((one) => one * 2)
  })
  const answers = await Promise.allSettled([1, 0, 3, 4].map(double))
  assert.deepEqual(
    answers.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled', 'fulfilled'],
  )
})

test('a call without a result for each is an error, not a guess', async () => {
  const broken = groupCommit<number, number>(3, async () => [1])
  const answers = await Promise.allSettled([broken(1), broken(2)])
  assert.deepEqual(
    answers.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})
