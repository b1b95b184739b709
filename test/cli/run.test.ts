import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { redisUnavailable } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

const skip = await redisUnavailable()

const HELD = { on: 'job', action: { do: 'hold' } } as const

const RUN = ['run', '--object', 'Contact', '--csv', 'ids.csv']

test('a run deletes what the file names, and says on stdout what became of it', {
  skip,
}, async (t) => {
  const { sandbox, folder, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(3000)))
  const { code, stdout, stderr } = await expunge([...RUN, '--yes', '--id', 'first'])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /Accepted +3,000/)
  assert.match(stdout, /Completed: request first\.\n +Deleted +3,000/)
  assert.match(stdout, /receipt\.json +results\/default\/first\/receipt\.json/)
  assert.match(stderr, /00D5f0000000001EAA, PRODUCTION, at 127\.0\.0\.1/)
  assert.match(
    stderr,
    /expunge run --object Contact --csv ids\.csv --yes --results .*results --id first\n/,
  )
  assert.match(stderr, /Delete 3,000 Contact records in PRODUCTION org .*\? Confirmed by --yes\./)
  assert.equal(sandbox.referee.stats().rowsDeleted, 3000)

  const again = await expunge([...RUN, '--yes', '--id', 'first', '--json'])
  assert.equal(again.code, 0, again.stderr)
  assert.match(again.stderr, /Request first already ended at /)
  assert.equal(JSON.parse(again.stdout).outcome.deleted, 3000)
  assert.equal(sandbox.referee.stats().rowsReceived, 3000)

  await rm(join(folder, 'results'), { recursive: true })
  const lost = await expunge([...RUN, '--yes', '--id', 'first'])
  assert.equal(lost.code, 0, lost.stderr)
  assert.match(
    lost.stdout,
    /results\/default\/first has no receipt\.json: .*\n {4}expunge status first --json\n/,
  )

  const other = await expunge([...RUN, '--yes', '--id', 'first', '--reason', 'another'])
  assert.equal(other.code, 2)
  assert.match(other.stderr, /^expunge: Request first exists in org default with other content/m)
})

test('without --yes and a terminal nothing is started', { skip }, async (t) => {
  const { sandbox, folder, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(10)))
  const { code, stdout, stderr } = await expunge(RUN)
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /^expunge: no terminal to confirm on\. Add --yes .* or --dry-run/)
  assert.equal(existsSync(join(folder, 'home')), false)
  assert.equal(sandbox.referee.stats().apiRequests, 0)
})

test('a dry run from stdin makes the plan, deletes nothing and needs no --yes', {
  skip,
}, async (t) => {
  const { sandbox, expunge } = await place(t)
  const { code, stdout, stderr } = await expunge(
    ['run', '--sobject', 'Contact', '--file', '-', '--dry-run', '--json'],
    { input: csvOf(contactIds(100)) },
  )
  assert.equal(code, 0, stderr)
  const receipt = JSON.parse(stdout)
  assert.equal(receipt.status, 'planned')
  assert.equal(receipt.plan.accepted, 100)
  assert.equal(sandbox.referee.stats().jobs.length, 0)
})

test('a refused file is explained row by row, with the receipt alone on stdout', {
  skip,
}, async (t) => {
  const { sandbox, folder, expunge } = await place(t)
  const rows = [...contactIds(3), 'jane.doe@example.com', '00Q5g00000AAAAA']
  await writeFile(join(folder, 'ids.csv'), csvOf(rows))
  const { code, stdout, stderr } = await expunge([...RUN, '--yes', '--json', '--id', 'bad'])
  assert.equal(code, 3, stderr)
  assert.deepEqual(
    [JSON.parse(stdout).status, JSON.parse(stdout).error.code],
    ['refused', 'INVALID_ROWS'],
  )
  assert.match(stderr, /ids\.csv, line 5: "jan… \(20 characters\)": NOT_AN_ID/)
  assert.match(stderr, /ids\.csv, line 6: "00Q5g00000AAAAA": OTHER_OBJECT/)
  assert.match(stderr, /invalid\.csv +results\/default\/bad\/invalid\.csv/)
  assert.doesNotMatch(stdout + stderr, /jane/)
  assert.equal(sandbox.referee.stats().jobs.length, 0)
})

test('a query names its object, and its plan says which share of it that is', {
  skip,
}, async (t) => {
  const { sandbox, expunge } = await place(t)
  const soql = 'SELECT Id FROM Lead ORDER BY Id LIMIT 30000'
  const seen = await expunge(['run', '--soql', soql, '--dry-run'])
  assert.equal(seen.code, 0, seen.stderr)
  assert.match(seen.stdout, /Share +30,000 of about 1,000,000 Lead records \(3 %\)/)
  const { code, stderr } = await expunge(['run', '--soql', soql, '--yes'])
  assert.equal(code, 0, stderr)
  assert.match(stderr, /Source +soql SELECT Id FROM Lead ORDER BY Id LIMIT 30000/)
  assert.match(stderr, /Share +30,000 of about 1,000,000 Lead records \(3 %\)/)
  const { rowsDeleted, queryJobs } = sandbox.referee.stats()
  assert.deepEqual([rowsDeleted, queryJobs.map(({ gone }) => gone)], [30_000, [true, true]])
})

test('a list of ids is counted in ids, not in lines', { skip }, async (t) => {
  const { expunge } = await place(t)
  const [good = ''] = contactIds(1)
  const args = ['run', '--object', 'Contact', '--ids', `${good},00Q5g00000AAAAA,nonsense`]
  const { code, stdout } = await expunge([...args, '--yes'])
  assert.equal(code, 3, stdout)
  assert.match(stdout, /Ids read +3/)
  assert.match(
    stdout,
    /2 ids are not valid; the first is id 2 of 3: 00Q5g00000AAAAA \(OTHER_OBJECT/,
  )
  assert.match(stdout, /--ids, id 3 of 3: "non… \(8 characters\)": NOT_AN_ID/)
  assert.doesNotMatch(stdout, /line/)
})

test('failures make a run incomplete, and failed.csv names them', { skip }, async (t) => {
  const ids = contactIds(20)
  const rules = [{ code: 'DELETE_FAILED', ids: ids.slice(0, 3) }]
  const { folder, expunge } = await place(t, { rows: { rules } })
  await writeFile(join(folder, 'ids.csv.zst'), zstdCompressSync(csvOf(ids)))
  const { code, stdout, stderr } = await expunge([
    'run',
    '--object',
    'Contact',
    '--csv',
    'ids.csv.zst',
    '--yes',
    '--results',
    'elsewhere',
    '--id',
    'x',
  ])
  assert.equal(code, 1, stderr)
  assert.match(stdout, /Failed +3\n/)
  assert.match(stdout, /DELETE_FAILED 3/)
  assert.match(
    stdout,
    /To retry the 3 rows not deleted: expunge retry x --results \/.*elsewhere\n$/,
  )
  const failed = await readFile(join(folder, 'elsewhere/default/x/failed.csv'), 'utf8')
  assert.deepEqual(
    failed
      .split('\n')
      .slice(1, 4)
      .map((line) => line.slice(0, 18))
      .sort(),
    ids.slice(0, 3).sort(),
  )
})

test('an interrupted run says what runs on, and the same command goes on with it', {
  skip,
}, async (t) => {
  const { sandbox, folder, begin, expunge } = await place(t, { faults: [HELD] })
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(2000)))
  const command = [...RUN, '--yes', '--id', 'long']
  const first = begin(command)
  await sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  first.signal('SIGINT')
  const { code, stderr } = await first.ended
  assert.equal(code, 130, stderr)
  const [job] = sandbox.referee.stats().jobs
  assert.ok(
    stderr.includes(`1 ingest job of it may still be running in Salesforce: ${job?.id}`),
    stderr,
  )
  const results = join(folder, 'results')
  const goOn = `run --object Contact --csv ids.csv --yes --results ${results} --id long`
  assert.ok(stderr.includes(`To resume it:\n  expunge ${goOn}\n`), stderr)
  assert.ok(stderr.includes(`Results so far: ${join(results, 'default', 'long')}\n`), stderr)
  assert.match(stderr, /To see its status:\n {2}expunge status long\n/)
  assert.ok(stderr.includes(`To cancel it:\n  expunge cancel long --results ${results}\n`), stderr)
  assert.match(stderr, /\nOr press Ctrl-C again within 3 s to cancel it\.\n/)

  const status = await expunge(['status', 'long', '--json'])
  assert.equal(JSON.parse(status.stdout).status, 'deleting')

  sandbox.faults.clear()
  const second = await expunge(command)
  assert.equal(second.code, 0, second.stderr)
  assert.match(second.stderr, /The request already exists \(deleting\)\. Resuming it/)
  assert.doesNotMatch(second.stderr, /by --yes/)
  const stats = sandbox.referee.stats()
  assert.deepEqual(
    [stats.jobs.length, stats.rowsDeleted, stats.deletedTwice, stats.violations.length],
    [1, 2000, 0, 0],
  )
})

test('a run whose process was killed goes on as well', { skip }, async (t) => {
  const { sandbox, folder, start, expunge } = await place(t, { faults: [HELD] })
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(500)))
  const command = [...RUN, '--yes', '--id', 'killed']
  const first = start(command)
  await sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  first.signal('SIGKILL')
  await first.ended
  sandbox.faults.clear()
  const second = await expunge(command)
  assert.equal(second.code, 0, second.stderr)
  assert.deepEqual(
    [sandbox.referee.stats().rowsDeleted, sandbox.referee.stats().deletedTwice],
    [500, 0],
  )
})

test('wrong credentials end it before anything else begins', { skip }, async (t) => {
  const { expunge } = await place(t)
  const ids = ['run', '--object', 'Contact', '--ids', contactIds(1).join(), '--yes']
  const { code, stdout, stderr } = await expunge(ids, {
    env: { SALESFORCE_CLIENT_SECRET: 'wrong' },
  })
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /^expunge: Salesforce answered token with .*SALESFORCE_CLIENT_SECRET/m)
  assert.doesNotMatch(stderr, /\n\s+at /)
})

test('more records than the limit are refused, and --max-records raises it', {
  skip,
}, async (t) => {
  const { folder, expunge } = await place(t)
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(30)))
  const env = { EXPUNGE_MAX_RECORDS: '20' }
  const refused = await expunge([...RUN, '--yes', '--json'], { env })
  assert.equal(refused.code, 3, refused.stderr)
  assert.equal(JSON.parse(refused.stdout).error.code, 'TOO_MANY_RECORDS')
  const raised = await expunge([...RUN, '--yes', '--json', '--max-records', '30'], { env })
  assert.equal(raised.code, 0, raised.stderr)
})

test('hard delete is refused where the configuration does not allow it', { skip }, async (t) => {
  const { sandbox, expunge } = await place(t, { allowHardDelete: true })
  const ids = ['run', '--object', 'Contact', '--ids', contactIds(2).join(), '--yes', '--json']
  const { code, stdout } = await expunge([...ids, '--hard-delete'])
  assert.equal(code, 3)
  assert.equal(JSON.parse(stdout).error.code, 'HARD_DELETE_NOT_ALLOWED')
  assert.equal(sandbox.referee.stats().jobs.length, 0)
})
