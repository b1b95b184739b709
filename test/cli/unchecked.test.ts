import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

/** Ids of 15 characters on the command line: they are deleted where somebody said so. */

const skip = await redisUnavailable()

const RUN = ['run', '--object', 'Contact', '--csv', 'ids.csv', '--id', 'x']
const MIXED = contactIds(9).map((id, n) => (n < 3 ? id.slice(0, 15) : id))

test('--yes does not accept unchecked ids, --accept-unchecked does', {
  skip,
}, async (t) => {
  const { sandbox, folder, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(MIXED))
  const refused = await expunge([...RUN, '--yes', '--json'])
  assert.equal(refused.code, 3, refused.stderr)
  const { status, error, plan } = JSON.parse(refused.stdout)
  assert.deepEqual([status, error.code, plan.unchecked], ['refused', 'UNCHECKED_IDS', 3])
  assert.equal(sandbox.referee.stats().jobs.length, 0)

  const other = await expunge([...RUN, '--yes', '--accept-unchecked'])
  assert.equal(other.code, 2, 'the same id with another answer is another request')
  const accepted = await expunge([...RUN.with(-1, 'y'), '--yes', '--accept-unchecked'])
  assert.equal(accepted.code, 0, accepted.stderr)
  assert.equal(sandbox.referee.stats().rowsDeleted, 9)
})

test('a dry run off the terminal says what the run would say', { skip }, async (t) => {
  const { expunge } = await place(t)
  const ids = ['run', '--object', 'Contact', '--ids', MIXED.join(','), '--dry-run']
  const refused = await expunge(ids)
  assert.equal(refused.code, 3, refused.stderr)
  assert.match(refused.stdout, /3 of 9 ids have 15 characters/)
  assert.equal((await expunge([...ids, '--accept-unchecked'])).code, 0)
})

test('a terminal is asked with the number of unchecked ids', { skip }, async (t) => {
  const { sandbox, folder, begin, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(MIXED))
  const asked = begin(RUN, { onTerminal: true })
  await asked.saw(/Delete 9 Contact records.*3 ids have 15 characters and no checksum.*Type yes/)
  asked.signal('SIGINT')
  assert.equal((await asked.ended).code, 130)

  // The plan waits with its unchecked ids; --yes is no answer to that question.
  const hasty = await expunge([...RUN, '--yes'])
  assert.equal(hasty.code, 2, hasty.stdout)
  assert.match(hasty.stderr, /3 ids in the plan have 15 characters.*Add --accept-unchecked/)
  assert.equal(sandbox.referee.stats().jobs.length, 0)

  const again = begin(RUN, { onTerminal: true })
  await again.saw(/3 ids have 15 characters and no checksum.*Type yes/)
  again.type('yes\n')
  const done = await again.ended
  assert.equal(done.code, 0, done.stdout)
  assert.equal(sandbox.referee.stats().rowsDeleted, 9)
})

test('approving with --yes does not accept unchecked ids that nobody was asked about', {
  skip,
}, async (t) => {
  const { sandbox, folder, begin, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(MIXED))
  const asked = begin(RUN, { onTerminal: true })
  await asked.saw(/3 ids have 15 characters and no checksum.*Type yes/)
  asked.signal('SIGINT')
  await asked.ended

  const hasty = await expunge(['approve', 'x', '--yes'])
  assert.equal(hasty.code, 2, hasty.stdout)
  assert.match(hasty.stderr, /3 ids in the plan have 15 characters.*Add --accept-unchecked/)
  assert.equal(
    JSON.parse((await expunge(['status', 'x', '--json'])).stdout).status,
    'awaiting-approval',
  )
  const said = await expunge(['approve', 'x', '--yes', '--accept-unchecked'])
  assert.equal(said.code, 0, said.stderr)
  assert.equal((await expunge([...RUN, '--yes'])).code, 0)
  assert.equal(sandbox.referee.stats().rowsDeleted, 9)
})
