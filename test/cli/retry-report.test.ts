import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { retryReporter } from '../../src/cli/follow-with-progress.ts'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, place } from './spawn.ts'

const skip = await redisUnavailable()

test('rows that are sent again are reported by attempt, however many chunks there are', () => {
  const said: string[] = []
  const report = retryReporter({ say: (text) => said.push(text) })
  const retry = (attempt: number, records: number, after: number) => ({
    ...{ attempt, records, reason: 'UNABLE_TO_LOCK_ROW', at: new Date(after).toISOString() },
  })
  report({ retries: [] }, 0)
  report({ retries: [retry(2, 1204, 30_000)] }, 0)
  report({ retries: [retry(2, 1204, 30_000)] }, 60_000)
  report({ retries: [retry(2, 1204, 30_000), retry(3, 1, 62_500)] }, 60_000)
  for (let rows = 2; rows <= 100; rows++) {
    report({ retries: [retry(2, 1204, 30_000), retry(3, rows, 62_500)] }, 60_000 + 10 * rows)
  }
  report({ retries: [retry(2, 1204, 30_000), retry(3, 100, 62_500)] }, 70_000)
  assert.deepEqual(said, [
    'Attempt 2 of 5 for 1,204 rows in 30 s (UNABLE_TO_LOCK_ROW).',
    'Attempt 3 of 5 for 1 row in 3 s (UNABLE_TO_LOCK_ROW).',
    'Attempt 3 of 5 for 99 rows now (UNABLE_TO_LOCK_ROW).',
  ])
})

test('a run says that locked rows are sent again', { skip }, async (t) => {
  const { expunge, folder } = await place(t, {
    rows: { rules: [{ code: 'UNABLE_TO_LOCK_ROW', ratio: 1, times: 1 }] },
  })
  const config = join(folder, 'expunge.yaml')
  await writeFile(config, 'worker: { resendMs: 900 }')
  const args = ['run', '--object', 'Contact', '--ids', contactIds(7).join(), '--yes']
  const { code, stderr } = await expunge(args, { env: { EXPUNGE_CONFIG: config } })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /^Attempt 2 of 5 for 7 rows (in [12] s|now) \(UNABLE_TO_LOCK_ROW\)\.$/m)
})
