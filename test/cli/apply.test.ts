import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'
import { startWorkerHere } from './worker-here.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

test('a run applies the plan of a dry run, whatever its file holds by then', {
  skip,
}, async (t) => {
  const { folder, sandbox, expunge } = await place(t)
  const csv = join(folder, 'ids.csv')
  await writeFile(csv, csvOf(contactIds(30)))
  const dry = ['run', '--object', 'contact', '--csv', 'ids.csv', '--dry-run', '--id', 'Backlog']
  const planned = await expunge([...dry, '--reason', 'clean up', '--label', 'ticket=4711'])
  assert.equal(planned.code, 0, planned.stderr)
  assert.match(planned.stdout, /\n\nApply this plan within 24 h: expunge apply Backlog\n$/)
  assert.match((await expunge(['status', 'Backlog'])).stdout, /Plan kept +until .*expunge apply/)
  const early = await expunge(['approve', 'Backlog', '--yes'])
  assert.deepEqual([early.code, /expunge apply Backlog/.test(early.stderr)], [2, true])
  const unasked = await expunge(['apply', 'Backlog'])
  assert.deepEqual([unasked.code, sandbox.referee.stats().rowsDeleted], [2, 0])

  await rm(csv)
  const no = await expunge(['apply', 'backlog'], { input: 'no\n', onTerminal: true })
  assert.equal(no.code, 2)
  assert.match(no.stdout, /Delete 30 Contact records [\s\S]*The plan was not applied\. It is kept/)
  for (const fact of [
    /Asked by +.+@.+/,
    /Labels +ticket=4711\n/,
    /Reason +clean up/,
    /Source +file .*ids\.csv, SHA-256 [0-9a-f]{64}/,
    /Org +default: PRODUCTION Sandbox of Expunge, 00D5f0000000001EAA, 127\.0\.0\.1/,
    /Share +30 of about 1,000,000 Contact records \(under 1 %\)/,
    new RegExp(`Ids +first ${contactIds(30)[0]}, last ${contactIds(30).at(-1)}`),
    /Plan +SHA-256 [0-9a-f]{64}/,
  ]) {
    assert.match(no.stdout, fact)
  }
  const yes = await expunge(['apply', 'backlog'], { input: 'yes\n', onTerminal: true })
  assert.equal(yes.code, 0, yes.stdout)
  assert.match(yes.stdout, /Completed.*: request Backlog-apply/)
  assert.equal(yes.stdout.match(/Rows read/g)?.length, 1, yes.stdout)
  assert.equal(sandbox.referee.stats().rowsDeleted, 30)

  const again = await expunge(['apply', 'backlog', '--yes', '--json'])
  assert.equal(again.code, 0, again.stderr)
  assert.match(again.stderr, /Backlog-apply already ended at/)
  const receipt = JSON.parse(again.stdout)
  assert.deepEqual(
    [receipt.appliesPlanOf, receipt.reason, receipt.outcome.deleted],
    ['Backlog', 'clean up', 30],
  )
  for (const who of [receipt.submittedBy, receipt.approvedBy.actor]) assert.match(who, /^.+@.+$/)
  assert.equal(sandbox.referee.stats().rowsDeleted, 30)
  const other = await expunge(['apply', 'backlog', '--as', 'other', '--yes'])
  assert.deepEqual([other.code, /applied as request Backlog-apply/.test(other.stderr)], [2, true])
})

test('with workers, apply hands the plan to them', { skip }, async (t) => {
  const here = await place(t)
  const { expunge, sandbox } = here
  const stop = await startWorkerHere(here, env)
  const own = ['--object', 'Contact', '--ids', contactIds(5).join(), '--id', 'shared']
  const planned = await expunge(['submit', ...own, '--dry-run', '--wait'], { env })
  assert.match(planned.stderr, /Apply this plan within 24 h: expunge apply shared/)
  const applied = await expunge(['apply', 'shared', '--yes', '--reason', 'checked'], { env })
  assert.match(applied.stderr, /Org +default: PRODUCTION Sandbox of Expunge, 00D5f/)
  assert.match(applied.stderr, /Share +5 of about 1,000,000 Contact records/)
  assert.equal(applied.code, 0, applied.stderr)
  assert.match(applied.stderr, /Request shared-apply is approved/)
  const twice = await expunge(['approve', 'shared', '--yes', '--json'], { env })
  assert.equal(JSON.parse(twice.stdout).id, 'shared-apply')
  const same = await expunge(['submit', ...own, '--dry-run', '--wait'], { env })
  assert.equal(same.code, 0, same.stderr)
  const none = await expunge(['apply', 'nothing', '--yes'], { env })
  assert.match(none.stderr, /No request nothing/)
  await stop()
  assert.ok(sandbox.referee.stats().rowsDeleted <= 5)
})

test('a run refuses a plan that a script did not expect', { skip }, async (t) => {
  const { expunge, sandbox } = await place(t)
  const args = ['run', '--object', 'Contact', '--ids', contactIds(3).join(), '--yes', '--json']
  const { code, stdout } = await expunge([...args, '--expect-count', '4'])
  const { status, error } = JSON.parse(stdout)
  assert.deepEqual([code, status, error.code], [3, 'refused', 'OTHER_PLAN'])
  assert.match(error.message, /expected 4 records, got 3/)
  const wrong = await expunge([...args, '--expect-sha256', 'abc'])
  assert.deepEqual([wrong.code, wrong.stdout], [2, ''])
  assert.match(wrong.stderr, /--expect-sha256: expected 64 hexadecimal digits/)
  assert.equal(sandbox.referee.stats().rowsDeleted, 0)
})
