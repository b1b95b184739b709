import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { poll } from '../helpers/poll.ts'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, place } from './spawn.ts'
import { startWorkerHere } from './worker-here.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

const submit = (id: string) => [
  ...['submit', '--object', 'Contact', '--ids', contactIds(7).join()],
  ...['--approval', 'required', '--id', id],
]

test('a plan that awaits approval is shown, approved and carried out', { skip }, async (t) => {
  const here = await place(t)
  const { expunge, sandbox } = here
  const unknown = await expunge(['approve', 'x', '--yes'], { env })
  assert.deepEqual([unknown.code, unknown.stdout], [2, ''])
  assert.match(unknown.stderr, /^expunge: No request x: org "default" has no request/)
  await expunge(submit('x'), { env })
  const early = await expunge(['approve', 'x', '--yes'], { env })
  assert.equal(early.code, 2)
  assert.match(early.stderr, /^expunge: Request x is queued: it has no plan to approve/)

  const stopFirst = await startWorkerHere(here, env)
  await poll(async () => {
    const { stdout } = await expunge(['status', 'x', '--json'], { env })
    return JSON.parse(stdout).status === 'awaiting-approval' ? true : null
  })
  await stopFirst()
  const approved = await expunge(['approve', 'X', '--yes', '--json'], { env })
  assert.equal(approved.code, 0, approved.stderr)
  const view = JSON.parse(approved.stdout)
  assert.deepEqual([view.id, view.status, view.plan.accepted], ['x', 'deleting', 7])
  assert.match(
    approved.stderr,
    /Accepted +7\n[\s\S]*Delete 7 Contact records in .*\? Confirmed by --yes\./,
  )
  assert.match(
    approved.stderr,
    /No worker is running for org "default"\. To start one: expunge worker/,
  )

  const status = await expunge(['status', 'x'], { env })
  assert.match(status.stdout, /Waiting +No worker is running for org "default"/)
  const list = await expunge(['list'], { env })
  assert.match(list.stderr, /! No worker is running for org "default"/)

  const again = await expunge(['approve', 'x', '--yes'], { env })
  assert.equal(again.code, 0, again.stderr)
  assert.match(again.stderr, /Request x is approved already/)
  const stopSecond = await startWorkerHere(here, env)
  const receipt = await expunge([...submit('x'), '--wait'], { env })
  await stopSecond()
  assert.equal(receipt.code, 0, receipt.stderr)
  assert.equal(sandbox.referee.stats().rowsDeleted, 7)
  const late = await expunge(['approve', 'x', '--yes'], { env })
  assert.equal(late.code, 2)
  assert.match(late.stderr, /Request x is completed: it has no plan to approve/)
})
