import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

const skip = await redisUnavailable()

const RUN = ['run', '--object', 'Contact', '--yes', '--id', 'x', '--csv']
const CONFLICT =
  /^expunge: Request x exists .* the content of its source: .*sha256 [0-9a-f]{64}, now .*sha256/m

test('a run that was killed before its plan does not go on with an edited file', {
  skip,
}, async (t) => {
  const { sandbox, folder, start, expunge } = await place(t)
  const path = join(folder, 'ids.csv')
  await writeFile(path, csvOf(contactIds(1000)))
  // It has no worker before that.
  const first = start([...RUN, 'ids.csv'])
  await first.saw(/To resume it after an interruption/)
  first.signal('SIGKILL')
  await first.ended

  await writeFile(path, csvOf(contactIds(100)))
  const { code, stderr } = await expunge([...RUN, 'ids.csv'])
  assert.equal(code, 2, stderr)
  assert.match(stderr, CONFLICT)
  assert.equal(sandbox.referee.stats().rowsReceived, 0)

  await writeFile(path, csvOf(contactIds(1000)))
  const again = await expunge([...RUN, 'ids.csv'])
  assert.equal(again.code, 0, again.stderr)
  assert.equal(sandbox.referee.stats().rowsDeleted, 1000)
})

test('a run that was interrupted after its plan goes on with the same bytes alone', {
  skip,
}, async (t) => {
  const HELD = { on: 'job', action: { do: 'hold' } } as const
  const { sandbox, folder, begin, expunge } = await place(t, { faults: [HELD] })
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(200)))
  const first = begin([...RUN, 'ids.csv'])
  await first.meanwhile(sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1))
  first.signal('SIGTERM')
  await first.ended

  await rename(join(folder, 'ids.csv'), join(folder, 'moved.csv'))
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(50)))
  const edited = await expunge([...RUN, 'ids.csv'])
  assert.equal(edited.code, 2, edited.stderr)
  assert.match(edited.stderr, CONFLICT)
  sandbox.faults.clear()
  const moved = await expunge([...RUN, 'moved.csv'])
  assert.equal(moved.code, 0, moved.stderr)
  const { rowsDeleted, rowsReceived } = sandbox.referee.stats()
  assert.deepEqual([rowsDeleted, rowsReceived], [200, 200])
})

test('what else differs is named', { skip }, async (t) => {
  const { folder, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(5)))
  const first = await expunge([...RUN, 'ids.csv', '--dry-run'])
  assert.equal(first.code, 0, first.stderr)
  const other = await expunge([...RUN, 'ids.csv', '--priority', 'high', '--reason', 'secret words'])
  assert.equal(other.code, 2)
  assert.match(other.stderr, /with other content: priority, dryRun, reason \(Contact, planned/)
  assert.doesNotMatch(other.stderr, /secret words.*other content/)
})
