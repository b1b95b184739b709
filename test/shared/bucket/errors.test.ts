import assert from 'node:assert/strict'
import { after, afterEach, suite, test } from 'node:test'
import { inspect } from 'node:util'
import { Bucket } from '../../../src/shared/bucket/bucket.ts'
import type { BucketSettings } from '../../../src/shared/bucket/settings.ts'
import { CLOSED_PORT } from '../../helpers/free-port.ts'
import { S3_KEY, startS3 } from '../../helpers/s3.ts'
import { inReverse } from '../../helpers/scope.ts'

const scope = inReverse(after)
const s3 = await startS3(scope)
await s3.createBucket('exports')
await s3.put('exports', 'ids.csv', 'Id\n')

/** What reading an object with these settings is refused with; it quotes no secret anywhere. */
async function refusal(change: Partial<BucketSettings> = {}, key = 'ids.csv'): Promise<string> {
  const bucket = new Bucket({ ...s3.bucket('exports'), ...change }, { attempts: 1 })
  try {
    await bucket.read(key)
  } catch (error) {
    assert.ok(error instanceof Error)
    assert.doesNotMatch(inspect(error, { depth: 9 }), /AKIA|secret\+of|wrong-secret|Signature=/)
    return `${'code' in error ? error.code : ''} ${error.message}`
  } finally {
    await bucket.close()
  }
  return assert.fail('Expected an error.')
}

/** The refusal when the server gives this answer. */
function answered(status: number, code: string): Promise<string> {
  s3.meddle = () => ({ status, code })
  return refusal()
}

suite('a bucket that cannot be read', () => {
  afterEach(() => {
    s3.meddle = () => undefined
  })

  test('says that bucket or object do not exist', async () => {
    const exports = { ...s3.bucket('none'), name: 'exports' }
    assert.match(
      await refusal(exports),
      /^BUCKET_NOT_FOUND s3:\/\/none\/ids.csv \(bucket "exports" of the configuration\): the bucket does not exist at http/,
    )
    assert.match(
      await refusal({}, 'none.csv'),
      /^OBJECT_NOT_FOUND s3:\/\/exports\/none.csv: the object/,
    )
  })

  test('says which part of the key is wrong', async () => {
    assert.match(
      await refusal({ key: { ...S3_KEY, secretAccessKey: 'wrong-secret' } }),
      /^BUCKET_CREDENTIALS_REFUSED .* the secret access key does not match the access key id/,
    )
    assert.match(
      await refusal({ key: { ...S3_KEY, accessKeyId: 'AKIAOTHER' } }),
      /^BUCKET_CREDENTIALS_REFUSED .* does not know the access key id/,
    )
    assert.match(await answered(400, 'ExpiredToken'), /REFUSED .* session token has expired/)
  })

  test('names the file of a key that cannot be read', async () => {
    const secretAccessKey = { path: '/none/secret', setting: 'secretAccessKeyFile' }
    assert.equal(
      await refusal({ key: { ...S3_KEY, secretAccessKey } }),
      'BAD_CONFIGURATION secretAccessKeyFile: the file /none/secret cannot be read (ENOENT).',
    )
  })

  test('names the right region', async () => {
    assert.match(
      await refusal({ region: 'us-west-2' }),
      /^BUCKET_WRONG_REGION .* not in the region us-west-2 but in eu-central-1\. Set its region/,
    )
    s3.meddle = () => ({
      ...{ status: 301, code: 'PermanentRedirect' },
      headers: { 'x-amz-bucket-region': 'eu-west-1' },
    })
    assert.match(await refusal(), /^BUCKET_WRONG_REGION .* but in eu-west-1/)
  })

  test('tells denied access, an archived object, a wrong clock and an overloaded server apart', async () => {
    assert.match(await answered(403, 'AccessDenied'), /^BUCKET_ACCESS_DENIED .*s3:GetObject/)
    assert.match(await answered(403, 'InvalidObjectState'), /^OBJECT_ARCHIVED .*Restore it/)
    assert.match(
      await answered(403, 'RequestTimeTooSkewed'),
      /^BUCKET_CLOCK_SKEW .*Correct the clock/,
    )
    assert.match(await answered(503, 'SlowDown'), /^BUCKET_THROTTLED /)
    assert.match(await answered(500, 'InternalError'), /^BUCKET_FAULT .*500 InternalError/)
    assert.match(await answered(501, 'NotImplemented'), /^BUCKET_NOT_SUPPORTED /)
  })

  test('says that there are no credentials', async (t) => {
    const here = process.env
    t.after(() => {
      process.env = here
    })
    const off = { AWS_EC2_METADATA_DISABLED: 'true', AWS_SHARED_CREDENTIALS_FILE: '/none' }
    process.env = { PATH: here['PATH'], HOME: '/none', AWS_CONFIG_FILE: '/none', ...off }
    assert.match(
      await refusal({ key: null }),
      /^BUCKET_NO_CREDENTIALS .* Set accessKeyId and secretAccessKey under sources\.buckets\.exports,/,
    )
    assert.match(await refusal({ key: null, endpoint: null, region: null }), /^BUCKET_NO_REGION /)
  })

  test('says that nobody answers at the endpoint', async () => {
    const endpoint = `http://127.0.0.1:${CLOSED_PORT}`
    assert.match(
      await refusal({ endpoint }),
      /^BUCKET_UNREACHABLE .* no answer at http:.* the connection was refused/,
    )
  })
})

suite('a call', () => {
  test('is repeated while the server is overloaded', async () => {
    const bucket = new Bucket(s3.bucket('exports'))
    scope.after(() => bucket.close())
    let failures = 2
    s3.meddle = () => (failures-- > 0 ? { status: 503, code: 'SlowDown' } : undefined)
    assert.equal((await bucket.read('ids.csv')).bytes, 3)
  })

  test('ends with the reason of its signal', async () => {
    const bucket = new Bucket(s3.bucket('exports'))
    scope.after(() => bucket.close())
    const stop = new AbortController()
    const reason = new Error('Stopped.')
    const { body } = await bucket.read('ids.csv', { signal: stop.signal })
    stop.abort(reason)
    await assert.rejects(Array.fromAsync(body), reason)
    await assert.rejects(bucket.read('ids.csv', { signal: stop.signal }), reason)
  })
})
