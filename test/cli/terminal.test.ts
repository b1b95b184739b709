import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { shellQuoted } from '../../src/cli/command-line.ts'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

/** util-linux's `script` gives a command a terminal; that of others takes other options. */
const version = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? ''
const skip = version.includes('util-linux') ? await redisUnavailable() : 'no util-linux script'

const under = (command: readonly string[]) => [
  ...['script', '--quiet', '--return', '--command', command.map(shellQuoted).join(' ')],
  '/dev/null',
]
const RUN = ['run', '--object', 'Contact', '--csv', 'ids.csv']

test('on a terminal the question is asked, and only yes deletes', { skip }, async (t) => {
  const { sandbox, folder, begin, start } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(40)))
  const declined = start(RUN, { under })
  await declined.saw(/Delete 40 Contact records in PRODUCTION org [\s\S]*Type yes to delete: /)
  declined.type('y\n')
  const no = await declined.ended
  assert.equal(no.code, 3, no.stdout)
  assert.match(no.stdout, /Cancelled/)
  assert.equal(sandbox.referee.stats().jobs.length, 0)

  const accepted = begin(RUN, { onTerminal: true })
  await accepted.saw(/Type yes to delete: /)
  accepted.type('yes\n')
  const yes = await accepted.ended
  assert.equal(yes.code, 0, yes.stdout)
  assert.match(yes.stdout, /Completed/)
  assert.ok(yes.stdout.includes('\u001b[32m'), 'a terminal gets colours')
  assert.equal(sandbox.referee.stats().rowsDeleted, 40)
})

test('a bar shows how far it is, and Ctrl-C at the question sends nothing', { skip }, async (t) => {
  const { sandbox, folder, start } = await place(t, {
    faults: [{ on: 'job', action: { do: 'hold' } }],
  })
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(300)))
  const asked = start([...RUN, '--id', 'x'], { under, env: { NO_COLOR: '1' } })
  await asked.saw(/Type yes to delete: /)
  asked.type('\u0003')
  const interrupted = await asked.ended
  assert.equal(interrupted.code, 130, interrupted.stdout)
  assert.match(interrupted.stdout, /No ingest job of it is running in Salesforce/)
  assert.equal(sandbox.referee.stats().jobs.length, 0)

  const bar = start([...RUN, '--id', 'x', '--yes'], { under, env: { NO_COLOR: '1' } })
  await bar.saw(/Deleting █*░+ \d+ of 300 {2}\d+ %/)
  sandbox.faults.clear()
  const done = await bar.ended
  assert.equal(done.code, 0, done.stdout)
  assert.equal(done.stdout.includes('\u001b[32m'), false)
  assert.equal(sandbox.referee.stats().rowsDeleted, 300)
})

test('approve and cancel ask, too, and another answer changes nothing', { skip }, async (t) => {
  const here = await place(t)
  const { begin, expunge, folder, sandbox } = here
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(40)))
  const run = begin([...RUN, '--id', 'x'], { onTerminal: true })
  await run.saw(/Type yes to delete: /)

  const approve = begin(['approve', 'x'], { onTerminal: true, env: { NO_COLOR: '1' } })
  await approve.saw(
    /Accepted +40[\s\S]*Delete 40 Contact records in PRODUCTION org .*Type yes to delete: /,
  )
  approve.type('no\n')
  const unapproved = await approve.ended
  assert.equal(unapproved.code, 2)
  assert.match(unapproved.stdout, /still waits for approval\. To reject it:\s+expunge cancel x/)

  const cancel = begin(['cancel', 'x'], { onTerminal: true, env: { NO_COLOR: '1' } })
  await cancel.saw(/Status +.*awaiting-approval.*[\s\S]*Cancel request x\?.*Type yes to cancel: /)
  cancel.type('no\n')
  const uncancelled = await cancel.ended
  assert.equal(uncancelled.code, 2)
  assert.match(uncancelled.stdout, /Nothing was changed/)
  assert.equal(sandbox.referee.stats().jobs.length, 0)

  // Approved elsewhere, the run does not go on waiting for an answer.
  const approved = await expunge(['approve', 'x', '--yes'])
  assert.equal(approved.code, 0, approved.stderr)
  const done = await run.ended
  assert.equal(done.code, 0, done.stdout)
  assert.match(done.stdout, /somebody else approved or cancelled/)
  assert.equal(sandbox.referee.stats().rowsDeleted, 40)
})
