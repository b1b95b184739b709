import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { leaveRequests } from './embedded-requests.ts'
import { contactIds, csvOf, place } from './spawn.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null

const RUN = ['run', '--object', 'Contact', '--csv', 'ids.csv', '--id', 'own', '--yes']

test('a run does only what it was asked, and says which requests wait', { skip }, async (t) => {
  const here = await place(t)
  const { folder, sandbox, expunge } = here
  await leaveRequests(here, ['one', 'two'])
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(50)))
  const { code, stderr } = await expunge(RUN)
  assert.equal(code, 0, stderr)
  for (const id of ['one', 'two']) {
    assert.match(
      stderr,
      new RegExp(
        `Request ${id} \\(Contact, queued\\) is not finished\\. It waits: .* with --id ${id}; to end it: expunge cancel ${id}\n`,
      ),
    )
  }
  assert.equal(sandbox.referee.stats().rowsReceived, 50)
  const listed: unknown[] = JSON.parse(
    (await expunge(['list', '--json', '--status', 'queued'])).stdout,
  )
  assert.equal(listed.length, 2)
})

test('nor does it on a Redis of others, whatever limits it was given', { skip }, async (t) => {
  const { folder, sandbox, expunge } = await place(t)
  const env = { REDIS_URL: redis?.url ?? '', EXPUNGE_MAX_RECORDS: '10' }
  const ids = contactIds(30).join()
  const submit = ['submit', '--object', 'Contact', '--ids', ids, '--id', 'other']
  assert.equal((await expunge(submit, { env })).code, 0)
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(20)))
  const { code, stderr } = await expunge([...RUN, '--max-records', '1000'], { env })
  assert.equal(code, 0, stderr)
  assert.match(
    stderr,
    /Request other \(Contact, queued\) is not finished\. It waits: .* start a worker/,
  )
  assert.equal(sandbox.referee.stats().rowsReceived, 20)
  const { status, plan } = JSON.parse(
    (await expunge(['status', 'other', '--json'], { env })).stdout,
  )
  assert.deepEqual([status, plan], ['queued', null])
})
