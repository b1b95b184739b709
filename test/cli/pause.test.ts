import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { leaveRequests } from './embedded-requests.ts'
import { contactIds, place } from './spawn.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

test('a pause is shown wherever somebody looks, until it is taken back', { skip }, async (t) => {
  const { expunge } = await place(t)
  await expunge(['submit', '--object', 'Contact', '--ids', contactIds(1).join(), '--id', 'x'], {
    env,
  })
  const paused = await expunge(['pause', '--json'], { env })
  assert.equal(paused.code, 0, paused.stderr)
  assert.equal(JSON.parse(paused.stdout).operator.abort, false)
  assert.match(paused.stderr, /^Org "default" is paused\. No new ingest jobs start\./)
  assert.match(paused.stderr, /No ingest jobs are running\.\nTo resume:\n {2}expunge resume\n/)
  const harder = await expunge(['pause', '--abort'], { env })
  assert.match(harder.stderr, /is paused \(already since .* UTC\)/)

  const said =
    /Org "default" is paused by an operator since .* running ones are aborted\. To resume/
  assert.match((await expunge(['status', 'x'], { env })).stdout, said)
  assert.match((await expunge(['status', 'x', '--json'], { env })).stderr, said)
  assert.match((await expunge(['list'], { env })).stderr, said)
  const doctor = await expunge(['doctor', '--json'], { env })
  const findingOf = (name: string) =>
    JSON.parse(doctor.stdout).find(({ check }: { check: string }) => check === name)
  const finding = findingOf('Paused')
  assert.match(findingOf('Workers').found, /^No worker is running for org "default"/)
  assert.equal(finding.verdict, 'warn')
  assert.match(finding.found, said)

  const resumed = await expunge(['resume'], { env })
  assert.equal(resumed.code, 0)
  assert.match(resumed.stderr, /^Org "default" resumed after /)
  const again = await expunge(['resume', '--json'], { env })
  assert.deepEqual(JSON.parse(again.stdout), { operator: null, fault: null })
  assert.match(again.stderr, /was not paused by `expunge pause`/)
  assert.doesNotMatch((await expunge(['list'], { env })).stderr, /paused/)
})

test('an org that nobody knows is not paused', { skip }, async (t) => {
  const { expunge } = await place(t)
  for (const command of ['pause', 'resume']) {
    const { code, stdout, stderr } = await expunge([command, '--org', 'typo'], { env })
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^expunge: --org: unknown org \w+\. The configuration has default/)
  }
  const never = await expunge(['pause'])
  assert.equal(never.code, 2)
  assert.match(never.stderr, /Nothing to pause: .*home has no requests/)
})

test('a run of a paused org says so and waits; what runs is aborted and sent again', {
  skip,
}, async (t) => {
  const here = await place(t, {
    faults: [{ on: 'job', nth: 1, action: { do: 'hold', afterRows: 10 } }],
  })
  const { expunge, folder, begin, sandbox } = here
  const config = join(folder, 'expunge.yaml')
  await writeFile(config, 'worker: { resendMs: 0 }')
  await leaveRequests(here, [])
  assert.equal((await expunge(['pause'])).code, 0)
  const ids = ['--ids', contactIds(40).join()]
  const run = begin(['run', '--object', 'Contact', ...ids, '--yes', '--json'], {
    env: { EXPUNGE_CONFIG: config },
  })
  await run.saw(/Org "default" is paused by an operator/)
  assert.equal(sandbox.referee.stats().jobs.length, 0)
  await expunge(['resume'])
  await run.saw(/Org "default" is resumed/)
  await run.meanwhile(sandbox.referee.until(({ rowsDeleted }) => rowsDeleted === 10))

  const aborted = await expunge(['pause', '--abort'])
  const [job] = sandbox.referee.stats().jobs
  assert.ok(aborted.stderr.includes(`abort 1 running ingest job (${job?.id}).`), aborted.stderr)
  await run.meanwhile(sandbox.referee.until(({ jobs }) => jobs[0]?.state === 'Aborted'))
  await expunge(['resume'])
  const { code, stdout, stderr } = await run.ended
  assert.equal(code, 0, stderr)
  assert.equal(JSON.parse(stdout).outcome.deleted, 40)
  assert.equal(sandbox.referee.stats().deletedTwice, 0)
})
