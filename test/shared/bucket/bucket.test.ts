import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, suite, test } from 'node:test'
import { Bucket, type BucketObject } from '../../../src/shared/bucket/bucket.ts'
import { BucketError } from '../../../src/shared/bucket/errors.ts'
import { resumed } from '../../../src/shared/bucket/resume.ts'
import { S3_KEY, startS3 } from '../../helpers/s3.ts'
import { inReverse } from '../../helpers/scope.ts'

const scope = inReverse(after)
const s3 = await startS3(scope)
await s3.createBucket('exports')
const bucket = new Bucket(s3.bucket('exports'))
scope.after(() => bucket.close())

const MIB = 1024 * 1024

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(body)).toString()
}

/** The code with which a call is refused. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => assert.fail('Expected an error.'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof BucketError, String(error))
  return error.code
}

suite('a bucket', () => {
  test('gives back what was put, from a byte on too', async () => {
    await bucket.put('a/ids.csv', 'Id\n003\n')
    const { bytes, etag } = await bucket.head('a/ids.csv')
    assert.equal(bytes, 7)
    const whole = await bucket.read('a/ids.csv')
    assert.deepEqual([whole.bytes, whole.etag, await textOf(whole.body)], [7, etag, 'Id\n003\n'])
    const rest = await bucket.read('a/ids.csv', { from: 3, etag })
    assert.deepEqual([rest.bytes, await textOf(rest.body)], [7, '003\n'])
  })

  test('refuses an object that was replaced since its ETag was read', async () => {
    await bucket.put('replaced.csv', 'one')
    const { etag } = await bucket.head('replaced.csv')
    await bucket.put('replaced.csv', 'two')
    assert.equal(await codeOf(bucket.read('replaced.csv', { etag })), 'PRECONDITION_FAILED')
  })

  test('writes only if nothing is there where that is asked for', async () => {
    await bucket.put('once', 'first', { ifAbsent: true })
    assert.equal(
      await codeOf(bucket.put('once', 'second', { ifAbsent: true })),
      'PRECONDITION_FAILED',
    )
    assert.equal(String(await s3.read('exports', 'once')), 'first')
  })

  test('lists the keys below a prefix, over several pages', async () => {
    for (let n = 0; n < 5; n++) await s3.put('exports', `pages/${n}.csv`, String(n))
    s3.pageSize = 2
    const found: BucketObject[] = await Array.fromAsync(bucket.list('pages/'))
    s3.pageSize = 1000
    assert.deepEqual(
      found.map(({ key, bytes }) => [key, bytes]),
      [0, 1, 2, 3, 4].map((n) => [`pages/${n}.csv`, 1]),
    )
  })

  test('is not taken for shorter if the server sends no token for the next page', async () => {
    const contents = '<Contents><Key>a</Key><Size>1</Size><ETag>"e"</ETag></Contents>'
    const page = `<IsTruncated>true</IsTruncated><NextMarker>a</NextMarker>${contents}`
    for (const token of ['', '<NextContinuationToken>same</NextContinuationToken>']) {
      const xml = `<ListBucketResult>${page}${token}</ListBucketResult>`
      s3.meddle = () => ({ status: 200, code: '', xml })
      assert.equal(await codeOf(Array.fromAsync(bucket.list('a'))), 'BUCKET_NOT_SUPPORTED')
    }
    s3.meddle = () => undefined
  })

  test('is used with the key that its files hold now', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'expunge-key-'))
    t.after(() => rm(directory, { recursive: true }))
    const path = join(directory, 'secret')
    await writeFile(path, S3_KEY.secretAccessKey)
    const secretAccessKey = { path, setting: 'secretAccessKeyFile' }
    const rotated = new Bucket({ ...s3.bucket('exports'), key: { ...S3_KEY, secretAccessKey } })
    t.after(() => rotated.close())
    await rotated.check()
    await writeFile(path, 'of another key')
    assert.equal(await codeOf(rotated.check()), 'BUCKET_CREDENTIALS_REFUSED')
    await writeFile(path, S3_KEY.secretAccessKey)
    await rotated.check()
  })

  test('is read on only while the server sends bytes', async () => {
    const empty: Pick<Bucket, 'read'> = {
      read: async (key) => ({ key, bytes: 5, etag: 'e', body: Readable.from([]) }),
    }
    const object = { key: 'a', bytes: 5, etag: 'e' }
    const clock = { now: () => 0, sleep: async () => {} }
    const bytes = resumed(empty, object, { clock })
    assert.equal(await codeOf(Array.fromAsync(bytes)), 'BUCKET_FAULT')
  })

  test('copies and removes, and removing what is not there is no error', async () => {
    await bucket.put('from ü.csv', 'x')
    const seen = await bucket.head('from ü.csv')
    await bucket.copy(seen, 'to.csv')
    await bucket.put('from ü.csv', 'replaced')
    assert.equal(await codeOf(bucket.copy(seen, 'to.csv')), 'PRECONDITION_FAILED')
    assert.equal(String(await s3.read('exports', 'to.csv')), 'x')
    const keys = Array.from({ length: 20 }, (_, n) => `none/${n}`)
    await bucket.remove(['from ü.csv', 'to.csv', ...keys])
    assert.equal(await codeOf(bucket.head('to.csv')), 'OBJECT_NOT_FOUND')
  })
})

suite('a multipart upload', () => {
  test('joins parts that were sent and parts that were copied', async () => {
    const large = Buffer.alloc(5 * MIB, 'a')
    await bucket.put('part', large)
    const upload = await bucket.upload('joined', { contentType: 'text/csv' })
    await Promise.all([
      upload.part(3, Buffer.from('end')),
      upload.copyPart(1, await bucket.head('part')),
      upload.part(2, large),
    ])
    await upload.complete()
    const joined = await s3.read('exports', 'joined')
    assert.ok(joined.equals(Buffer.concat([large, large, Buffer.from('end')])))
  })

  test('takes nothing from an object that was replaced since it was seen', async () => {
    await bucket.put('part', 'a')
    const seen = await bucket.head('part')
    await bucket.put('part', 'b')
    const upload = await bucket.upload('joined')
    assert.equal(await codeOf(upload.copyPart(1, seen)), 'PRECONDITION_FAILED')
    await upload.abort()
  })

  test('is listed until it is completed or aborted', async () => {
    const keys = async () => {
      const uploads = await Array.fromAsync(bucket.uploads('open/'))
      return uploads.map(({ key }) => key)
    }
    const one = await bucket.upload('open/1')
    await bucket.upload('open/2')
    const other = await bucket.upload('other')
    assert.deepEqual((await keys()).sort(), ['open/1', 'open/2'])
    await one.part(1, Buffer.from('a'))
    await one.complete()
    assert.deepEqual(await keys(), ['open/2'])
    for await (const upload of bucket.uploads('open/')) await upload.abort()
    assert.deepEqual(await keys(), [])
    await other.abort()
  })

  test('refuses a small part before the last', async () => {
    const upload = await bucket.upload('small')
    await upload.part(1, Buffer.from('a'))
    await upload.part(2, Buffer.from('b'))
    assert.equal(await codeOf(upload.complete()), 'BUCKET_REQUEST_REFUSED')
    await upload.abort()
  })

  test('is gone after an abort', async () => {
    const upload = await bucket.upload('aborted')
    await upload.part(1, Buffer.from('a'))
    await upload.abort()
    await upload.abort()
    assert.equal(await codeOf(upload.complete()), 'UPLOAD_NOT_FOUND')
    assert.equal(await codeOf(bucket.head('aborted')), 'OBJECT_NOT_FOUND')
  })
})
