import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, place } from './spawn.ts'

const skip = await redisUnavailable()

test('where nothing ever ran there is nothing to see, and that is no error', {
  skip,
}, async (t) => {
  const { expunge } = await place(t)
  const listed = await expunge(['list'])
  assert.deepEqual(listed, { code: 0, stdout: '', stderr: 'No requests.\n' })
  const json = await expunge(['list', '--json'])
  assert.deepEqual([json.code, json.stdout], [0, '[]\n'])
  const bad = await expunge(['list', '--label', 'ticket'])
  assert.equal(bad.code, 2)
  assert.match(bad.stderr, /--label.*ticket.*expected/)
  const missing = await expunge(['status', 'nope'])
  assert.deepEqual([missing.code, missing.stdout], [2, ''])
  assert.match(
    missing.stderr,
    /^expunge: No request nope: .*home has no requests, and REDIS_URL is not set/,
  )
})

test('list and status tell of the runs of this machine after they ended', { skip }, async (t) => {
  const { expunge } = await place(t)
  const ids = ['run', '--object', 'Contact', '--ids', contactIds(3).join(), '--reason', 'Art. 17']
  for (const id of ['one', 'two']) {
    const { code, stderr } = await expunge([...ids, '--dry-run', '--id', id, '--label', `n=${id}`])
    assert.equal(code, 0, stderr)
  }
  const { stdout } = await expunge(['list'])
  const lines = stdout.trimEnd().split('\n')
  assert.match(lines[0] ?? '', /^ +REQUEST +STATUS +OBJECT +ACCEPTED +GONE +SUBMITTED/)
  assert.match(lines[1] ?? '', /^ +two +planned +Contact +3 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  assert.equal(lines.length, 3)
  const limited = await expunge(['list', '--limit', '1', '--json'])
  assert.equal(JSON.parse(limited.stdout).length, 1)

  const labelled = await expunge(['list', '--label', 'n=one', '--json'])
  assert.deepEqual(
    JSON.parse(labelled.stdout).map(({ id }: { id: string }) => id),
    ['one'],
  )

  const status = await expunge(['status', 'ONE'])
  assert.match(status.stdout, /^ +Request +one\n +Status +planned\n/)
  assert.match(status.stdout, /What +delete Contact, source ids\n/)
  assert.match(status.stdout, /Reason +Art\. 17\n +Labels +n=one\n/)
  assert.match(status.stdout, /3 read: 3 accepted, 0 invalid, 0 duplicate, 0 unchecked/)
  // A pipe gets no colours.
  assert.equal(status.stdout.includes('\u001b'), false)
})
