import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { ListPosition } from '../../../../src/shared/store/ledger/read.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { openLedger, submission } from './setup.ts'

const server = await startRedis({ after })

test('pages by place have every request once, newest first, whatever their number and moments', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      async (moments, count) => {
        const { ledger } = openLedger(t, server)
        const entries = moments.map((submittedAt, at) => ({ submittedAt, id: `r-${at}` }))
        for (const { id, submittedAt } of entries) {
          await ledger.accept(submission({ id }, submittedAt))
        }
        const seen: string[] = []
        let before: ListPosition | null = null
        do {
          const page = await ledger.follow({ before, count })
          assert.ok(page.records.length <= count)
          seen.push(...page.records.map(({ request }) => request.id))
          before = page.last
        } while (before !== null)
        const expected = entries
          .sort((a, b) => b.submittedAt - a.submittedAt || (a.id < b.id ? 1 : -1))
          .map(({ id }) => id)
        assert.deepEqual(seen, expected)
      },
    ),
    { numRuns: runs(30) },
  )
})

test('a record that cannot be read is told of, and hides no other', async (t) => {
  const { ledger, redis, keys } = openLedger(t, server)
  for (const [at, id] of ['a', 'b', 'c'].entries()) await ledger.accept(submission({ id }, at))
  await redis.hset(keys.request('b'), 'submittedAt', 'yesterday')
  const all = { offset: 0, count: 10 }
  for (const listed of [await ledger.list(all), await ledger.follow({ before: null, count: 10 })]) {
    assert.deepEqual(
      listed.records.map(({ request }) => request.id),
      ['c', 'a'],
    )
    assert.deepEqual(listed.unreadable, [
      { id: 'b', submittedAt: 1, problem: 'its record has unexpected values' },
    ])
  }
})
