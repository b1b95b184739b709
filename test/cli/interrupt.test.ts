import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, csvOf, type Place, place, type Running } from './spawn.ts'

const skip = await redisUnavailable()

/** A run whose job is held until it is aborted. */
async function heldRun(
  t: TestContext,
  how: 'begin' | 'start' = 'begin',
): Promise<{ here: Place; run: Running }> {
  const here = await place(t, {
    faults: [{ on: 'job', action: { do: 'hold', afterRows: 40 } }],
  })
  await writeFile(join(here.folder, 'ids.csv'), csvOf(contactIds(100)))
  const args = ['--object', 'Contact', '--csv', 'ids.csv', '--id', 'x', '--yes', '--json']
  const run = here[how](['run', ...args])
  await run.meanwhile(here.sandbox.referee.until(({ rowsDeleted }) => rowsDeleted === 40))
  return { here, run }
}

test('a second Ctrl-C cancels the request, and the run shows its receipt', { skip }, async (t) => {
  const { here, run } = await heldRun(t)
  run.signal('SIGINT')
  await run.saw(/Ctrl-C again within 3 s/)
  run.signal('SIGINT')
  const { code, stdout, stderr } = await run.ended
  assert.equal(code, 3, stderr)
  const receipt = JSON.parse(stdout)
  assert.equal(receipt.status, 'cancelled')
  assert.deepEqual(receipt.outcome, { deleted: 40, alreadyGone: 0, failed: 0, unprocessed: 60 })
  assert.deepEqual(
    here.sandbox.referee.stats().jobs.map(({ state }) => state),
    ['Aborted'],
  )
})

test('one that comes while it hands over means the same', { skip }, async (t) => {
  const { run } = await heldRun(t)
  run.signal('SIGINT')
  await run.saw(/Interrupted\. Stopping/)
  run.signal('SIGINT')
  const { code, stdout, stderr } = await run.ended
  assert.equal(code, 3, stderr)
  assert.equal(JSON.parse(stdout).status, 'cancelled')
})

test('a third ends the process at once; the flag stands, and cancel goes on', {
  skip,
}, async (t) => {
  const { here, run } = await heldRun(t, 'start')
  // The job must not be aborted before the third comes.
  here.sandbox.faults.add({ on: 'abort', action: { do: 'stall' } })
  run.signal('SIGINT')
  await run.saw(/Ctrl-C again/)
  run.signal('SIGINT')
  await run.saw(/Cancelling the request/)
  await run.meanwhile(here.sandbox.referee.until(({ calls }) => calls['abort'] !== undefined))
  run.signal('SIGINT')
  const { code, stdout } = await run.ended
  assert.deepEqual([code, stdout], [130, ''])
  const status = await here.expunge(['status', 'x', '--json'])
  assert.equal(JSON.parse(status.stdout).stopping, 'cancelled')
})

for (const [signal, exitCode] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} hands over without waiting for another`, { skip }, async (t) => {
    const { here, run } = await heldRun(t)
    run.signal(signal)
    const { code, stderr } = await run.ended
    assert.equal(code, exitCode, stderr)
    assert.match(stderr, /To resume it:\n {2}expunge run .*--id x\n/)
    assert.match(stderr, /To cancel it:\n {2}expunge cancel x --results .*results\n/)
    assert.doesNotMatch(stderr, /Ctrl-C again/)
    const status = await here.expunge(['status', 'x', '--json'])
    assert.equal(JSON.parse(status.stdout).stopping, null)
  })
}
