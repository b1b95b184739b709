import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, type Place, place } from './spawn.ts'
import { startWorkerHere } from './worker-here.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

const ids = contactIds(12)
const failing = (from: number, to: number, code: string) => ({ code, ids: ids.slice(from, to) })

/** A run of which five rows failed, with two codes. */
async function withFailures(here: Place, command: readonly string[], own = {}) {
  here.sandbox.setRows({
    rules: [failing(0, 3, 'DELETE_FAILED'), failing(3, 5, 'INSUFFICIENT_ACCESS_OR_READONLY')],
  })
  const args = ['--object', 'Contact', '--ids', ids.join(), '--id', 'purge', '--reason', 'clean up']
  const { code } = await here.expunge([...command, ...args], { env: own })
  assert.equal(code, 1)
}

test('a run retries the rows that failed, once under each id', { skip }, async (t) => {
  const here = await place(t)
  const { expunge, folder, sandbox } = here
  await withFailures(here, ['run', '--yes'])
  sandbox.setRows({ rules: [failing(3, 5, 'INSUFFICIENT_ACCESS_OR_READONLY')] })

  const unasked = await expunge(['retry', 'purge'])
  assert.deepEqual([unasked.code, /Add --yes to retry/.test(unasked.stderr)], [2, true])
  for (const wrong of [
    ['--as', '../elsewhere'],
    ['--reason', 'x'.repeat(1001)],
  ]) {
    const refused = await expunge(['retry', 'purge', '--yes', ...wrong])
    assert.deepEqual(
      [refused.code, /^expunge: --(as|reason): /m.test(refused.stderr)],
      [2, true],
      refused.stderr,
    )
  }
  const none = await expunge(['retry', 'purge', '--code', 'UNABLE_TO_LOCK_ROW', '--yes'])
  assert.equal(none.code, 2)
  assert.match(
    none.stderr,
    /No row of request purge failed with UNABLE_TO_LOCK_ROW: its codes are /,
  )
  const unprocessed = await expunge(['retry', 'purge', '--only', 'unprocessed', '--yes'])
  assert.match(unprocessed.stderr, /No row of request purge is unprocessed/)

  const asked = ['retry', 'Purge', '--code', 'DELETE_FAILED', '--as', 'some']
  const some = await expunge(asked, { input: 'yes\n', onTerminal: true })
  assert.equal(some.code, 0, some.stdout)
  assert.match(
    some.stdout,
    /Source +failed or unprocessed rows of purge, [\s\S]*Delete 3 Contact records[\s\S]*request some/,
  )
  const all = await expunge(['retry', 'purge', '--yes', '--json'])
  assert.equal(all.code, 1, all.stderr)
  const { id, reason, plan, outcome } = JSON.parse(all.stdout)
  assert.deepEqual([id, reason, plan.accepted], ['purge-retry-1', 'clean up', 5])
  assert.deepEqual([outcome.alreadyGone + outcome.deleted, outcome.failed], [3, 2])
  const again = await expunge(['retry', 'purge', '--yes'])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /purge-retry-1 already ended at/)
  const status = await expunge(['status', 'purge-retry-1'])
  assert.match(status.stdout, /Retry of +purge\n/)
  sandbox.setRows({ rules: [] })
  const second = await expunge(['retry', 'purge-retry-1', '--yes', '--json'])
  assert.deepEqual([second.code, JSON.parse(second.stdout).id], [0, 'purge-retry-2'])

  await appendFile(join(folder, 'results', 'default', 'purge', 'failed.csv'), `${ids[7]},X,y\n`)
  const changed = await expunge(['retry', 'purge', '--as', 'changed', '--yes'])
  assert.equal(changed.code, 2)
  assert.match(changed.stderr, /failed\.csv does not have the 5 rows .*missing or was changed/)
  assert.match((await expunge(['status', 'changed'])).stderr, /No request changed/)
})

test('with workers, retry queues the rows', { skip }, async (t) => {
  const here = await place(t)
  const { expunge, sandbox } = here
  const stop = await startWorkerHere(here, env)
  try {
    const early = await expunge(['retry', 'nothing'], { env })
    assert.deepEqual([early.code, /No request nothing/.test(early.stderr)], [2, true])
    await withFailures(here, ['submit', '--wait'], env)
    sandbox.setRows({ rules: [] })
    const queued = await expunge(['retry', 'purge'], { env })
    assert.deepEqual([queued.code, queued.stdout], [0, 'purge-retry-1\n'], queued.stderr)
    const again = await expunge(['retry', 'purge', '--json'], { env })
    assert.equal(JSON.parse(again.stdout).request.retryOf, 'purge')
    await sandbox.referee.until(({ rowsDeleted }) => rowsDeleted === 12)
  } finally {
    await stop()
  }
})
