import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, type TestContext, test } from 'node:test'
import { startBucket } from '../helpers/bucket-place.ts'
import { redisUnavailable } from '../helpers/redis.ts'
import { S3_KEY } from '../helpers/s3.ts'
import { inReverse } from '../helpers/scope.ts'
import { contactIds, place } from './spawn.ts'

/** The commands of one machine with their results in a bucket. */

const skip = await redisUnavailable()
const s3 = await startBucket(inReverse(after))
afterEach(() => {
  s3.meddle = () => undefined
})

const ids = contactIds(12)

async function placeWithBucket(t: TestContext) {
  const here = await place(t, {
    rows: { rules: [{ code: 'DELETE_FAILED', ids: ids.slice(0, 5) }] },
  })
  const file = join(here.folder, 'expunge.yaml')
  const { region, endpoint } = s3.bucket('results')
  const bucket = { bucket: 'results', region, endpoint, ...S3_KEY }
  await writeFile(file, JSON.stringify({ sources: { buckets: { archive: bucket } } }))
  const results = `s3://archive/${here.folder.split('-').at(-1)}`
  const env = { EXPUNGE_CONFIG: file, EXPUNGE_RESULTS: results }
  const expunge = (...args: string[]) => here.expunge(args, { env })
  return { ...here, results, env, expunge }
}

const RUN = ['run', '--yes', '--object', 'Contact', '--ids', ids.join()]

test('a run keeps its results in a bucket, where they are listed, printed and retried', {
  skip,
}, async (t) => {
  const { expunge, results, sandbox } = await placeWithBucket(t)
  const run = await expunge(...RUN, '--id', 'purge')
  assert.equal(run.code, 1, run.stderr)
  const folder = `${results}/default/purge`
  assert.ok(run.stdout.includes(`receipt.json     ${folder}/receipt.json`), run.stdout)
  assert.ok(run.stdout.includes(`failed.csv       ${folder}/failed.csv`), run.stdout)

  const listed = await expunge('results', 'purge')
  assert.equal(listed.code, 0, listed.stderr)
  assert.deepEqual(listed.stdout.trimEnd().split(/\s*\n\s*/), [
    folder,
    'receipt.json',
    'failed.csv    5  rows',
  ])
  const printed = await expunge('results', 'purge', '--failed')
  assert.equal(printed.stdout.split('\n').length, 7)

  sandbox.setRows({ rules: [] })
  const retried = await expunge('retry', 'purge', '--yes')
  assert.equal(retried.code, 0, retried.stderr)
  assert.match(retried.stdout, /Deleted +5 /)
})

test('--results names a bucket, and the command to resume repeats it', { skip }, async (t) => {
  const { expunge, results } = await placeWithBucket(t)
  const own = `${results}-own/nested/`
  const run = await expunge(...RUN, '--id', 'purge', '--results', own)
  assert.match(run.stderr, new RegExp(`expunge run .* --results ${results}-own/nested --id purge`))
  const elsewhere = await expunge('results', 'purge')
  assert.equal(elsewhere.code, 2)
  assert.match(elsewhere.stderr, /default\/purge has no receipt: .* in another place/)
  const found = await expunge('results', 'purge', '--results', own)
  assert.equal(found.code, 0, found.stderr)
  const wrong = await expunge('results', 'purge', '--results', 's3://archive/../x')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /--results: expected a directory .*, or s3:\/\/bucket\/prefix/)
})

test('a file in the bucket that was changed is not printed', { skip }, async (t) => {
  const { expunge, results } = await placeWithBucket(t)
  await expunge(...RUN, '--id', 'purge')
  const key = `${results.slice('s3://archive/'.length)}/default/purge/failed.csv`
  await s3.put('results', key, `${await s3.read('results', key)}${ids[7]},CODE,added by hand\n`)
  const refused = await expunge('results', 'purge', '--failed')
  assert.deepEqual([refused.code, refused.stdout], [2, ''])
  assert.match(refused.stderr, /failed\.csv was changed after it was written/)
})

test('a bucket that cannot be used is reported before anything is deleted', { skip }, async (t) => {
  const { expunge, sandbox } = await placeWithBucket(t)
  s3.meddle = () => ({ status: 403, code: 'AccessDenied' })
  const run = await expunge(...RUN, '--id', 'purge')
  assert.notEqual(run.code, 0)
  assert.match(run.stderr, /The results bucket s3:\/\/archive\/\w+ cannot be used: .*access denied/)
  assert.equal(sandbox.referee.stats().jobs.length, 0)
})

test('doctor tries what Expunge does in a bucket, and leaves nothing there', {
  skip,
}, async (t) => {
  const { expunge, results } = await placeWithBucket(t)
  const prefix = results.slice('s3://archive/'.length)
  const fine = await expunge('doctor')
  assert.match(fine.stdout, /Results +s3:\/\/archive\/\w+ \(will be created\)/)
  assert.deepEqual(await s3.keys('results', prefix), [])
  const denied: Readonly<Record<string, (method: string, url: string) => boolean>> = {
    's3:PutObject': (method) => method === 'PUT',
    's3:DeleteObject': (method) => method === 'DELETE',
    's3:ListBucketMultipartUploads': (method, url) => method === 'GET' && url.includes('uploads'),
  }
  for (const [action, isDenied] of Object.entries(denied)) {
    s3.meddle = ({ method = '', url = '' }) =>
      isDenied(method, url) ? { status: 403, code: 'AccessDenied' } : undefined
    const failed = await expunge('doctor')
    assert.equal(failed.code, 2)
    assert.match(failed.stdout, new RegExp(`access denied\\. Allow .*${action}`))
  }
})
