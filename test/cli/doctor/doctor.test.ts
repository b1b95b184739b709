import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { postgresUnavailable, startPostgres } from '../../helpers/postgres.ts'
import { redisUnavailable, startRedis } from '../../helpers/redis.ts'
import { S3_KEY, startS3 } from '../../helpers/s3.ts'
import { contactIds, place } from '../spawn.ts'

const skip = await redisUnavailable()
const redis =
  skip === false ? await startRedis({ after }, { args: ['--maxmemory', '200mb'] }) : null

interface Line {
  readonly check: string
  readonly verdict: string
  readonly found: string
}

const byCheck = (stdout: string): Record<string, Line> =>
  Object.fromEntries(JSON.parse(stdout).map((line: Line) => [line.check, line]))

test('on a fresh machine all is well, and looking makes nothing', { skip }, async (t) => {
  const { expunge, folder } = await place(t)
  const { code, stdout, stderr } = await expunge(['doctor'])
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /^✓ Redis +not configured: `run` starts .*, data in .*home$/m)
  assert.match(stdout, /^✓ Login +integration@sandbox\.example at 127\.0\.0\.1:\d+, PRODUCTION$/m)
  assert.match(stdout, /^! Org .*\n +→ Set SALESFORCE_ORG_ID=00D5f0000000001EAA/m)
  assert.match(stdout, /^✓ API version +61\.0 /m)
  assert.match(stdout, /^✓ Bulk batches +15,000 of 15,000 left today$/m)
  assert.match(stdout, /^✓ Results .*will be created/m)
  assert.deepEqual(
    [existsSync(join(folder, 'home')), existsSync(join(folder, 'results'))],
    [false, false],
  )
})

test('a wrong login, a full quota and a Redis that forgets are told apart', { skip }, async (t) => {
  const { expunge, sandbox } = await place(t)
  sandbox.configure({ remainingBulkApiBatches: 0 })
  const forgetful = await startRedis(t, { args: ['--appendonly', 'no'] })
  const env = { REDIS_URL: forgetful.url, SALESFORCE_ORG_ID: sandbox.orgId }
  const first = await expunge(['doctor', '--json'], { env })
  assert.equal(first.code, 2)
  const found = byCheck(first.stdout)
  assert.equal(found['Redis']?.verdict, 'ok')
  assert.equal(found['Redis persistence']?.verdict, 'fail')
  assert.equal(found['Org']?.verdict, 'ok')
  assert.equal(found['Bulk batches']?.verdict, 'fail')

  const wrong = await expunge(['doctor', '--json'], {
    env: { SALESFORCE_CLIENT_SECRET: 'hunter2' },
  })
  assert.equal(wrong.code, 2)
  assert.equal(byCheck(wrong.stdout)['Login']?.verdict, 'fail')
  assert.doesNotMatch(wrong.stdout, /hunter2/)

  const other = await expunge(['doctor', '--json'], {
    env: { SALESFORCE_ORG_ID: '00D000000000001' },
  })
  assert.match(
    byCheck(other.stdout)['Login']?.found ?? '',
    /Expected to log in to org 00D000000000001/,
  )
})

test('wrong settings and a Redis that is not there are failures, all listed', async (t) => {
  const { expunge } = await place(t)
  const none = await expunge(['doctor'], { env: { REDIS_URL: 'redis://127.0.0.1:1' } })
  assert.equal(none.code, 2)
  assert.match(
    none.stdout,
    /^✗ Redis .*redis:\/\/127\.0\.0\.1:1 does not answer: .*ECONNREFUSED.* \(2 attempts in \d+\.\d s\)$/m,
  )
  assert.match(none.stdout, /^✓ Login/m)
  const wrong = { SALESFORCE_CLIENT_SECRET: '', EXPUNGE_MAX_RECORDS: 'many' }
  const settings = await expunge(['doctor'], { env: wrong })
  assert.equal(settings.code, 2)
  assert.match(settings.stdout, /^✗ Settings .*SALESFORCE_CLIENT_SECRET/m)
  assert.match(settings.stdout, /^✗ Settings .*EXPUNGE_MAX_RECORDS/m)
})

test('another org than the one in Redis, and another results directory, are failures', {
  skip,
}, async (t) => {
  const { expunge, env } = await place(t)
  const shared = { REDIS_URL: redis?.url ?? '' }
  const ids = ['run', '--object', 'Contact', '--ids', contactIds(1).join(), '--dry-run']
  const ran = await expunge(ids, { env: shared })
  assert.equal(ran.code, 0, ran.stderr)
  const results = join(env['EXPUNGE_RESULTS'] ?? '', '..', 'others')
  await mkdir(results)
  const { code, stdout } = await expunge(['doctor', '--json'], {
    env: { ...shared, EXPUNGE_RESULTS: results },
  })
  assert.equal(code, 2)
  assert.equal(byCheck(stdout)['Results']?.verdict, 'fail')
  assert.match(byCheck(stdout)['Org']?.found ?? '', /as in Redis/)

  const stranger = await place(t, { orgId: '00D5f0000000002' })
  const elsewhere = await stranger.expunge(['doctor', '--json'], { env: shared })
  assert.match(
    byCheck(elsewhere.stdout)['Org']?.found ?? '',
    /in Redis belongs to 00D5f0000000001EAA/,
  )
})

test('a database that the server does not have stops every command with what to do', {
  skip,
}, async (t) => {
  const { expunge } = await place(t)
  const env = { REDIS_URL: `${redis?.url}/16`, EXPUNGE_METRICS_PORT: '0', EXPUNGE_HTTP_PORT: '0' }
  const looked = await expunge(['doctor'], { env })
  assert.equal(looked.code, 2)
  assert.match(looked.stdout, /^✗ Redis +redis:\/\/127\.0\.0\.1:\d+\/16: .*SELECT: ERR DB index/m)
  const refused = /Redis refuses the database \(SELECT: ERR DB index.*REDIS_URL/
  const ended = ['list', 'worker', 'serve'].map((command) => expunge([command], { env }))
  const [list, ...processes] = await Promise.all(ended)
  assert.match(list?.stderr ?? '', /^expunge: redis:\/\/127\.0\.0\.1:\d+\/16: Redis refuses/)
  for (const { code, stderr } of [...(list ? [list] : []), ...processes]) {
    assert.equal(code, 2, stderr)
    assert.match(stderr, refused)
  }
})

const objectLines = (stdout: string) =>
  stdout
    .split('\n')
    .filter((line) => /Bulk API|Contact|Lead|Delete|Hard delete|→ Setup|→ Set orgs/.test(line))
    .map((line) => line.trim().replace(/ {2,}/g, ' '))

test('with an object, each thing that the user needs is checked at the org', {
  skip,
}, async (t) => {
  const { expunge, sandbox, folder } = await place(t, {
    notDeletable: ['Lead'],
    objects: [
      { name: 'Visit__c', prefix: 'a0V' },
      { name: 'Account', prefix: '001' },
    ],
  })
  const may = await expunge(['doctor', '--object', 'contact'])
  assert.equal(may.code, 0, may.stdout)
  assert.deepEqual(objectLines(may.stdout), [
    '✓ Bulk API answers this user',
    '✓ Contact visible; its ids begin with 003',
    '✓ Delete the user may delete Contact records that it has access to',
  ])

  const mayNot = await expunge(['doctor', '--object', 'Lead', '--hard-delete'])
  assert.equal(mayNot.code, 2)
  assert.deepEqual(objectLines(mayNot.stdout), [
    '✓ Bulk API answers this user',
    '✓ Lead visible; its ids begin with 00Q',
    '✗ Delete the user may not delete Lead records',
    "→ Setup, Permission Sets (or Profiles), the user's, Object Settings, Lead: enable Delete.",
    '✗ Hard delete the user lacks "Bulk API Hard Delete"',
    "→ Setup, Permission Sets (or Profiles), the user's, System Permissions: enable Bulk API Hard Delete.",
  ])

  sandbox.configure({ allowHardDelete: true })
  const file = join(folder, 'expunge.yaml')
  await writeFile(file, 'objects: { Invoice__c: { prefix: a01 } }')
  const env = { EXPUNGE_CONFIG: file }
  const hidden = await expunge(['doctor', '--object', 'Invoice__c', '--hard-delete'], { env })
  assert.match(hidden.stdout, /^✗ Invoice__c +the user does not see the object\n.*enable Read/m)
  assert.match(
    hidden.stdout,
    /^✗ Hard delete +the configuration does not allow it\n.*orgs\.default/m,
  )

  await writeFile(file, 'objects: { Visit__c: {}, Account: { prefix: 00X } }')
  const asked = await expunge(['doctor', '--object', 'visit__c'], { env })
  assert.match(asked.stdout, /^✓ Visit__c +visible; its ids begin with a0V$/m)
  const pinned = await expunge(['doctor', '--object', 'Account'], { env })
  assert.match(pinned.stdout, /^✗ Account +its ids begin with 001, not 00X\n.*or remove it/m)
})

test('what the org does not tell is said to be unknown, and a wrong name is refused', {
  skip,
}, async (t) => {
  const { expunge, sandbox, folder } = await place(t)
  const file = join(folder, 'expunge.yaml')
  await writeFile(file, 'orgs: { default: { hardDelete: true } }')
  const env = { EXPUNGE_CONFIG: file }
  const ask = ['doctor', '--object', 'Contact', '--hard-delete']
  sandbox.configure({ allowHardDelete: true })
  assert.match((await expunge(ask, { env })).stdout, /✓ Hard delete +the user has "Bulk API Hard/)

  const answer = { do: 'answer', status: 400, errorCode: 'INVALID_FIELD' } as const
  sandbox.faults.add({ on: 'query', action: answer })
  sandbox.faults.add({
    on: 'list',
    action: { ...answer, status: 403, errorCode: 'API_DISABLED_FOR_ORG' },
  })
  const untold = await expunge(ask, { env })
  assert.equal(untold.code, 2)
  assert.match(untold.stdout, /! Hard delete +the org does not tell/)
  assert.match(untold.stdout, /✗ Bulk API .*API_DISABLED_FOR_ORG/)

  const typo = await expunge(['doctor', '--object', 'Contcat'])
  assert.equal(typo.code, 2)
  assert.match(typo.stderr, /Did you mean Contact\?/)
  const alone = await expunge(['doctor', '--hard-delete'])
  assert.match(alone.stderr, /--hard-delete requires --object/)
})

test('each configured database is tried, and no password shown', {
  skip: skip || (await postgresUnavailable()),
}, async (t) => {
  const { expunge, folder } = await place(t)
  const db = await startPostgres()
  const file = join(folder, 'expunge.yaml')
  const gone = 'postgres://me:s3cr3t@127.0.0.1:1/db'
  await writeFile(
    file,
    `sources: { connections: { warehouse: { url: "${db.url()}" }, gone: { url: "${gone}" } } }`,
  )
  const { code, stdout } = await expunge(['doctor'], { env: { EXPUNGE_CONFIG: file } })
  assert.equal(code, 2)
  assert.match(
    stdout,
    /^✓ PostgreSQL warehouse +\d+\.\d+ at 127\.0\.0\.1, database postgres, as reader, without TLS$/m,
  )
  assert.match(
    stdout,
    /^✗ PostgreSQL gone +Cannot connect to .*connection was refused[^.]*\([^)]*\)\. Check sources/m,
  )
  assert.doesNotMatch(stdout, new RegExp(`s3cr3t|${db.password}`))
})

test('each configured bucket is listed, and no key shown', { skip }, async (t) => {
  const { expunge, folder } = await place(t)
  const s3 = await startS3(t)
  await s3.createBucket('exports')
  const settings = { endpoint: s3.endpoint, region: 'eu-central-1', ...S3_KEY }
  const buckets = {
    exports: settings,
    gone: settings,
    other: { ...settings, bucket: 'exports', secretAccessKey: 'wrong-key' },
  }
  const file = join(folder, 'expunge.yaml')
  await writeFile(file, JSON.stringify({ sources: { buckets } }))
  const { code, stdout } = await expunge(['doctor'], { env: { EXPUNGE_CONFIG: file } })
  assert.equal(code, 2)
  assert.match(
    stdout,
    /^✓ Bucket exports +s3:\/\/exports at http:\/\/127\.0\.0\.1:\d+ can be listed$/m,
  )
  assert.match(stdout, /^✗ Bucket gone +s3:\/\/gone\/: the bucket does not exist at /m)
  assert.match(stdout, /^✗ Bucket other .* the secret access key does not match/m)
  assert.ok(![...Object.values(S3_KEY), 'wrong-key'].some((secret) => stdout.includes(secret)))
})
