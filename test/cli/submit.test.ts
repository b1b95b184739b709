import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Redis } from 'ioredis'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

const skip = await redisUnavailable()
const redis = skip === false ? await startRedis({ after }, { appendOnly: true }) : null
const env = { REDIS_URL: redis?.url ?? '' }

test('submit hands a request to a worker and can wait for its receipt', { skip }, async (t) => {
  const { folder, sandbox, expunge, begin } = await place(t)
  await writeFile(join(folder, 'ids.csv.gz'), gzipSync(csvOf(contactIds(200))))
  const args = ['submit', '--object', 'Contact', '--csv', 'ids.csv.gz', '--id', 'S-1']
  args.push('--label', 'ticket=4711', '--label', 'caller=crm')

  const submitted = await expunge([...args, '--json'], { env })
  assert.equal(submitted.code, 0, submitted.stderr)
  const view = JSON.parse(submitted.stdout)
  assert.deepEqual(
    [view.id, view.status, view.request.source],
    ['S-1', 'queued', { type: 'upload' }],
  )
  assert.deepEqual(
    view.waiting.map(({ reason }: { reason: string }) => reason),
    ['no-worker'],
  )

  const again = await expunge(args, { env })
  assert.deepEqual([again.code, again.stdout], [0, 'S-1\n'])
  assert.match(again.stderr, /S-1 is known already: queued/)

  const other = await expunge([...args, '--reason', 'another'], { env })
  assert.deepEqual([other.code, other.stdout], [2, ''])

  const worker = begin(['worker'], {
    env: { ...env, EXPUNGE_METRICS_PORT: '0', LOG_LEVEL: 'silent' },
  })
  const waited = await expunge([...args, '--wait', '--json'], { env })
  assert.equal(waited.code, 0, waited.stderr)
  const receipt = JSON.parse(waited.stdout)
  assert.equal(receipt.outcome.deleted, 200)
  assert.deepEqual(receipt.labels, { ticket: '4711', caller: 'crm' })
  assert.equal(sandbox.referee.stats().rowsDeleted, 200)

  const rule = ['submit', '--soql', 'SELECT Id FROM Lead LIMIT 300', '--id', 'S-2']
  const planned = await expunge([...rule, '--dry-run', '--wait'], { env })
  assert.match(planned.stderr, /Plan\n +Rows read +300\n/)
  assert.match(planned.stderr, /Share +300 of about [\d,]+ Lead records/)

  const listed = await expunge(['list', '--status', 'completed', '--json'], { env })
  assert.deepEqual(
    JSON.parse(listed.stdout).map(({ id }: { id: string }) => id),
    ['S-1'],
  )
  worker.signal('SIGTERM')
  assert.equal((await worker.ended).code, 0)

  const client = new Redis(env.REDIS_URL)
  t.after(() => client.disconnect())
  await client.del('{expunge-default}:request:s-1')
  const gone = await expunge(args, { env })
  assert.deepEqual([gone.code, gone.stdout], [3, ''])
  assert.match(
    gone.stderr,
    /^expunge: Request S-1 of org default ended completed at .*It had the same content\. It is not run again\./m,
  )
})

test('a duration counts from the first submission: the same again is the same request', {
  skip,
}, async (t) => {
  const { expunge } = await place(t)
  const ids = ['--ids', contactIds(1).join(), '--id', 'in-2-hours']
  const args = ['submit', '--object', 'Contact', ...ids, '--deadline', '2h', '--json']
  const limits = ['--max-failure-ratio', '0.1']
  const first = await expunge([...args, ...limits], { env })
  assert.equal(first.code, 0, first.stderr)
  const { request, submittedAt } = JSON.parse(first.stdout)
  assert.equal(request.maxFailureRatio, 0.1)
  const hours = (Date.parse(request.deadline) - Date.parse(submittedAt)) / 3_600_000
  assert.ok(hours > 1.9 && hours <= 2, String(hours))
  const again = await expunge([...args, ...limits], { env })
  assert.equal(again.code, 0, again.stderr)
  assert.equal(JSON.parse(again.stdout).request.deadline, request.deadline)
  assert.equal((await expunge(args, { env })).code, 2)
  const sooner = await expunge([...args.with(args.indexOf('2h'), '5m'), ...limits], { env })
  assert.equal(sooner.code, 2, sooner.stdout)
  assert.match(sooner.stderr, /exists in org default with other content: deadline /)
})

test('an object that is not allowed is reported before there is a request', {
  skip,
}, async (t) => {
  const { expunge } = await place(t)
  const own = ['--ids', contactIds(1).join(), '--id', 'typo']
  const typed = await expunge(['submit', '--object', 'Contcat', ...own], { env })
  assert.deepEqual([typed.code, typed.stdout], [2, ''])
  assert.match(typed.stderr, /^expunge: Unknown object Contcat\. Did you mean Contact\?/)
  const alone = await expunge(['run', '--yes', '--object', 'Contcat', ...own])
  assert.deepEqual([alone.code, alone.stdout], [2, ''])
  assert.match(alone.stderr, /^expunge: Unknown object Contcat\. Did you mean Contact\?/)
  const status = await expunge(['status', 'typo'], { env })
  assert.match(status.stderr, /No request typo/)
})

test('a Redis that does not answer is named with the attempts, without its password', async (t) => {
  const { expunge } = await place(t)
  const unreachable = { REDIS_URL: 'redis://user:hunter2@127.0.0.1:1' }
  const args = ['submit', '--object', 'Contact', '--ids', contactIds(1).join()]
  const { code, stdout, stderr } = await expunge(args, { env: unreachable })
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(
    stderr,
    /^expunge: Redis at redis:\/\/user:\*\*\*@127\.0\.0\.1:1 does not answer: .*ECONNREFUSED.*\. Gave up after 2 attempts in \d+\.\d s\. Check that/m,
  )
  assert.doesNotMatch(stderr, /hunter2/)
})

test('a run over a Redis that others share sends its file along', { skip }, async (t) => {
  const { folder, sandbox, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(50)))
  const config = join(folder, 'expunge.yaml')
  const login = {
    loginUrl: sandbox.url,
    clientId: sandbox.clientId,
    clientSecret: sandbox.clientSecret,
  }
  await writeFile(config, JSON.stringify({ orgs: { emea: { salesforce: login } } }))
  const { code, stdout, stderr } = await expunge(
    ['run', '--object', 'Contact', '--csv', 'ids.csv', '--yes', '--json'],
    {
      env: {
        ...env,
        EXPUNGE_CONFIG: config,
        ...{ SALESFORCE_LOGIN_URL: '', SALESFORCE_CLIENT_ID: '', SALESFORCE_CLIENT_SECRET: '' },
      },
    },
  )
  assert.equal(code, 0, stderr)
  const receipt = JSON.parse(stdout)
  assert.deepEqual([receipt.org, receipt.outcome.deleted], ['emea', 50])
})
