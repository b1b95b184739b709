import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { leaveRequests } from './embedded-requests.ts'
import { contactIds, csvOf, type Place, place } from './spawn.ts'
import { startWorkerHere } from './worker-here.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

/** Its jobs end when they are aborted, and not before. */
const held = (afterRows = 0) => ({
  faults: [{ on: 'job', action: { do: 'hold', afterRows } } as const],
})
const NO_LOGIN = {
  SALESFORCE_LOGIN_URL: '',
  SALESFORCE_CLIENT_ID: '',
  SALESFORCE_CLIENT_SECRET: '',
}
const RUN = ['run', '--object', 'Contact', '--csv', 'ids.csv', '--yes']

/** A run whose only job is held after some rows, and which is ended then. */
async function endedRun(
  { folder, sandbox, begin, start }: Place,
  id: string,
  signal: 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(200)))
  const run = (signal === 'SIGKILL' ? start : begin)([...RUN, '--id', id])
  await run.meanwhile(sandbox.referee.until(({ rowsDeleted }) => rowsDeleted === 50))
  run.signal(signal)
  await run.ended
}

test('an id that nobody knows, and an org that is another, are told apart', { skip }, async (t) => {
  const here = await place(t)
  const never = await here.expunge(['cancel', 'nope', '--yes'])
  assert.deepEqual([never.code, never.stdout], [2, ''])
  assert.match(never.stderr, /^expunge: No request nope: .*home has no requests/)
  await leaveRequests(here, ['one'])
  const unknown = await here.expunge(['cancel', 'nope', '--yes'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /No request nope: org "default" has no request with that id/)
  const other = await here.expunge(['cancel', 'one', '--org', 'emea', '--yes'])
  assert.equal(other.code, 2)
  assert.match(other.stderr, /No request one: org "emea" has no request/)
})

test('what was never sent is cancelled without a login', { skip }, async (t) => {
  const here = await place(t)
  await leaveRequests(here, ['one'])
  const first = await here.expunge(['cancel', 'ONE', '--yes', '--json'], { env: NO_LOGIN })
  assert.equal(first.code, 3, first.stderr)
  const receipt = JSON.parse(first.stdout)
  assert.deepEqual(
    [receipt.id, receipt.status, receipt.error.code, receipt.outcome],
    ['one', 'cancelled', 'CANCELLED', null],
  )
  assert.ok(existsSync(join(here.folder, 'results/default/one/receipt.json')))
  assert.equal(here.sandbox.referee.stats().apiRequests, 0)

  const again = await here.expunge(['cancel', 'one', '--yes'], { env: NO_LOGIN })
  assert.equal(again.code, 3, again.stderr)
  assert.match(again.stderr, /Request one has already ended: there is nothing to cancel/)
  assert.match(again.stdout, /^Cancelled: request one\. The request was cancelled\./)
})

test('what a killed run left in Salesforce is aborted, and no other request is touched', {
  skip,
}, async (t) => {
  const here = await place(t, held(50))
  await endedRun(here, 'killed', 'SIGKILL')
  await leaveRequests(here, ['bystander'])
  const { code, stdout, stderr } = await here.expunge(['cancel', 'killed', '--yes', '--json'])
  assert.equal(code, 3, stderr)
  const { status, outcome } = JSON.parse(stdout)
  assert.equal(status, 'cancelled')
  assert.deepEqual(outcome, { deleted: 50, alreadyGone: 0, failed: 0, unprocessed: 150 })
  assert.match(stderr, /unprocessed\.csv +results\/default\/killed\/unprocessed\.csv/)
  const stats = here.sandbox.referee.stats()
  assert.deepEqual(
    stats.jobs.map(({ state }) => state),
    ['Aborted'],
  )
  const bystander = await here.expunge(['status', 'bystander', '--json'])
  assert.equal(JSON.parse(bystander.stdout).status, 'queued')
})

test('where a login is missing it says what is left to do', { skip }, async (t) => {
  const here = await place(t, held(50))
  await endedRun(here, 'left', 'SIGTERM')
  const [job] = here.sandbox.referee.stats().jobs
  const { code, stdout, stderr } = await here.expunge(['cancel', 'left', '--yes'], {
    env: NO_LOGIN,
  })
  assert.deepEqual([code, stdout], [2, ''])
  assert.ok(stderr.includes(`1 ingest job of it (${job?.id}) may be running`), stderr)
  assert.match(stderr, /SALESFORCE_CLIENT_ID[\s\S]*Then repeat:\n {2}expunge cancel left\n$/)
  const status = await here.expunge(['status', 'left'])
  assert.match(status.stdout, /Status +deleting, \d+ % of 200, being cancelled …/)
  assert.match(status.stdout, new RegExp(`At work +${job?.id}\n`))
  const elsewhere = await here.expunge(['cancel', 'left', '--yes', '--results', 'elsewhere'])
  assert.equal(elsewhere.code, 2)
  const results = join(here.folder, 'results')
  assert.ok(elsewhere.stderr.includes(`/elsewhere. Use --results ${results}.`), elsewhere.stderr)
  assert.match(status.stdout, new RegExp(`Results +${results}/default/left\n`))
  const goOn = `To continue, run its own command again, with --id left --results ${results}.\n`
  assert.ok(status.stdout.includes(goOn), status.stdout)
  const list = await here.expunge(['list'])
  assert.ok(list.stderr.includes(`Results of unfinished requests: ${results}\n`), list.stderr)
  const second = ['run', '--object', 'Contact', '--csv', 'ids.csv', '--id', 'second', '--yes']
  const refused = await here.expunge([...second, '--results', 'elsewhere'])
  assert.equal(refused.code, 2)
  assert.match(
    refused.stderr,
    new RegExp(`Request left .* --id left --results ${results}; to end it`),
  )
  assert.ok(
    refused.stderr.includes(`resume the request with --results ${results}.`),
    refused.stderr,
  )
  await rm(join(here.folder, 'elsewhere'), { recursive: true })
  assert.equal(existsSync(join(here.folder, 'elsewhere')), false)
  assert.equal((await here.expunge(['cancel', 'left', '--yes'])).code, 3)
})

test('a run at work carries it out, and both show the receipt', { skip }, async (t) => {
  const { sandbox, folder, begin, expunge } = await place(t, held())
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(200)))
  const run = begin([...RUN, '--id', 'shared'])
  await run.meanwhile(sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1))
  const cancelled = await expunge(['cancel', 'shared', '--yes'])
  assert.equal(cancelled.code, 3, cancelled.stderr)
  assert.match(cancelled.stdout, /^Cancelled: request shared[\s\S]*Unprocessed +200/)
  const { code, stdout, stderr } = await run.ended
  assert.equal(code, 3, stderr)
  assert.match(stderr, /The request is being cancelled …/)
  assert.match(stdout, /Cancelled: request shared/)
})

test('Ctrl-C ends the following alone, and a worker that comes later the request', {
  skip,
}, async (t) => {
  const here = await place(t)
  const { expunge, begin, sandbox } = here
  const submit = ['submit', '--object', 'Contact', '--ids', contactIds(5).join(), '--id', 'later']
  await expunge(submit, { env })
  const cancel = begin(['cancel', 'later', '--yes'], { env })
  await cancel.saw(/No worker is running for org "default"/)
  cancel.signal('SIGINT')
  const { code, stderr } = await cancel.ended
  assert.equal(code, 130, stderr)
  assert.match(
    stderr,
    /The workers continue to cancel the request\. To see its status:\n {2}expunge status later/,
  )

  const again = begin(['cancel', 'later', '--yes', '--json'], { env })
  await again.saw(/No worker is running/)
  const stopWorker = await startWorkerHere(here, env)
  const ended = await again.ended
  assert.equal(ended.code, 3, ended.stderr)
  assert.equal(JSON.parse(ended.stdout).status, 'cancelled')
  assert.equal(sandbox.referee.stats().jobs.length, 0)
  await stopWorker()
})
