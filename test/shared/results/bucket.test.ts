import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { after, afterEach, describe, type TestContext, test } from 'node:test'
import { Bucket } from '../../../src/shared/bucket/bucket.ts'
import type { ResultFile } from '../../../src/shared/contract/receipt.ts'
import { openResultsStore } from '../../../src/shared/results/open.ts'
import type { ResultsStore } from '../../../src/shared/results/results-store.ts'
import { startBucket } from '../../helpers/bucket-place.ts'
import { S3_KEY } from '../../helpers/s3.ts'
import { inReverse } from '../../helpers/scope.ts'
import { receipt } from '../store/ledger/setup.ts'
import { bucket, openStore, type Place, part, request } from './stores.ts'

const s3 = await startBucket(inReverse(after))
const create = bucket(s3)
afterEach(() => {
  s3.meddle = () => undefined
  s3.pageSize = 1000
  s3.ignoresRanges = false
})

const FOLDER = 'default/gdpr-1'
const MIB = 1024 * 1024
const UNUSABLE = 'RESULTS_STORE_UNUSABLE'

async function setup(t: TestContext) {
  const at = await create(t)
  return { at, store: await openStore(t, at) }
}

/** A part of about so many MiB, whose rows begin with a letter of its own. */
function large(store: ResultsStore, letter: string, mib: number): Promise<ResultFile> {
  const row = `${letter}${'x'.repeat(1022)}`
  return part(store, new Array(mib * 1024).fill(row))
}

async function uploadsOf({ place }: Place): Promise<number> {
  assert.ok(place.kind === 'bucket')
  const client = new Bucket(place.settings)
  const uploads = await Array.fromAsync(client.uploads(place.prefix))
  await client.close()
  return uploads.length
}

/** Bytes of the bodies that are sent from now on, and the number of copies. */
function watchWrites() {
  const seen = { sent: 0, copies: 0 }
  s3.meddle = ({ method, headers }) => {
    if (method === 'PUT') {
      seen.sent += Number(headers['content-length'] ?? 0)
      if (headers['x-amz-copy-source'] !== undefined) seen.copies++
    }
    return undefined
  }
  return seen
}

const isCopy = ({ headers }: IncomingMessage) => headers['x-amz-copy-source'] !== undefined

describe('the parts of a result file in a bucket', () => {
  test('are joined within the bucket, as far as they are large enough', async (t) => {
    const { at, store } = await setup(t)
    const parts = [
      await part(store, ['first']),
      await large(store, 'a', 11),
      await part(store, ['between']),
      await large(store, 'b', 10),
      await large(store, 'c', 6),
      await part(store, ['last']),
    ]
    const writes = watchWrites()
    const { file, broken } = await store.joinParts(request, 'unprocessed', parts)
    assert.deepEqual(broken, [])
    assert.equal(writes.copies, 2)
    assert.ok(writes.sent < 17 * MIB, `${writes.sent} bytes were sent`)
    const text = (await at.read(`${FOLDER}/unprocessed.csv`)) ?? ''
    const own = await Promise.all(parts.map(({ name }) => at.read(`${FOLDER}/parts/${name}`)))
    assert.ok(text === `Id\n${own.map((each: string | null) => each?.slice(3)).join('')}`)
    const sha256 = createHash('sha256').update(text).digest('hex')
    const rows = 27 * 1024 + 3
    assert.deepEqual(file, { name: 'unprocessed.csv', rows, bytes: text.length, sha256 })
    assert.equal(await uploadsOf(at), 0)
  })

  test('are copied as a whole where there is one', async (t) => {
    const { at, store } = await setup(t)
    const only = await large(store, 'a', 11)
    const writes = watchWrites()
    const { file } = await store.joinParts(request, 'unprocessed', [only])
    assert.deepEqual(writes, { sent: 0, copies: 1 })
    assert.deepEqual(file, { ...only, name: 'unprocessed.csv' })
    assert.equal((await at.read(`${FOLDER}/unprocessed.csv`))?.length, only.bytes)
  })

  test('are not joined if one is replaced after it was read', async (t) => {
    const { at, store } = await setup(t)
    const only = await part(store, ['a'])
    const path = `${FOLDER}/parts/${only.name}`
    const text = await at.read(path)
    // The copy waits until the part is another one.
    s3.meddle = async (call) => {
      if (isCopy(call)) await at.write(path, 'Id\nz\n')
      return undefined
    }
    await assert.rejects(store.joinParts(request, 'unprocessed', [only]), {
      code: UNUSABLE,
      message: /the object is not in the expected state/,
    })
    s3.meddle = () => undefined
    assert.equal(await at.read(`${FOLDER}/unprocessed.csv`), null)
    const found = await store.joinParts(request, 'unprocessed', [only])
    assert.deepEqual(found, { file: null, broken: [only] })
    await at.write(path, text ?? '')
    assert.equal((await store.joinParts(request, 'unprocessed', [only])).file?.rows, 1)
  })

  test('are written and joined though the answer to the last call is lost', async (t) => {
    const { at, store } = await setup(t)
    let lost = 0
    const loseOnce = () => {
      let isFirst = true
      s3.meddle = ({ method, url = '' }) => {
        if (method !== 'POST' || !url.includes('uploadId=') || !isFirst) return undefined
        isFirst = false
        lost++
        return { breakAfter: 1 }
      }
    }
    loseOnce()
    const parts = [await large(store, 'a', 6), await large(store, 'b', 1)]
    loseOnce()
    const { file, broken } = await store.joinParts(request, 'unprocessed', parts)
    assert.equal(lost, 2)
    assert.deepEqual([file?.rows, broken], [7 * 1024, []])
    assert.ok(file !== null && (await store.isAsWritten(request, file)))
    assert.equal(await uploadsOf(at), 0)
  })

  test('are refused as a whole if the server ignores the range of a copy', async (t) => {
    const { at, store } = await setup(t)
    const parts = [await part(store, ['first']), await large(store, 'a', 11)]
    s3.ignoresRanges = true
    await assert.rejects(store.joinParts(request, 'unprocessed', parts), {
      code: UNUSABLE,
      message: /was joined from parts of \d+ bytes in all, but has \d+/,
    })
    s3.ignoresRanges = false
    assert.equal((await store.joinParts(request, 'unprocessed', parts)).file?.rows, 11 * 1024 + 1)
    assert.equal(await uploadsOf(at), 0)
  })

  test('leave no upload when they are discarded, or after a crash when the request ends', async (t) => {
    const { at, store } = await setup(t)
    const begin = async () => {
      const writer = store.partWriter(request, 'unprocessed', '0.1')
      for (let row = 0; row < 6 * 1024; row++) writer.write(['x'.repeat(1023)])
      await writer.drain()
      return writer
    }
    const writer = await begin()
    assert.equal(await uploadsOf(at), 1)
    await writer.discard()
    assert.equal(await uploadsOf(at), 0)
    const slow = await begin()
    await store.removeParts({ org: 'default', id: 'gdpr-2' })
    assert.equal(await uploadsOf(at), 1)
    await store.removeParts(request)
    assert.equal(await uploadsOf(at), 0)
    // A worker that lost its job meanwhile is told, and leaves nothing.
    await assert.rejects(slow.commit(), { code: UNUSABLE, message: /upload no longer exists/ })
    await slow.discard()
    assert.deepEqual(await at.files(), ['.expunge-store'])
  })
})

describe('a results bucket that cannot be used', () => {
  const FAULTS = [
    { status: 403, code: 'AccessDenied', message: /access denied/ },
    { status: 404, code: 'NoSuchBucket', message: /the bucket does not exist/ },
    { status: 403, code: 'ExpiredToken', message: /session token has expired/ },
  ]
  for (const { message, ...fault } of FAULTS) {
    test(`is reported, and used again when it is back: ${fault.code}`, async (t) => {
      const { at, store } = await setup(t)
      const parts = [await part(store, ['a']), await part(store, ['b'])]
      const begun = store.partWriter(request, 'failed', '0.1')
      begun.write(['003A', 'CODE', 'message'])
      s3.meddle = () => fault
      const unusable = (error: Error & { code?: string; retryable?: boolean }) => {
        assert.deepEqual([error.code, error.retryable], [UNUSABLE, true])
        assert.match(error.message, message)
        assert.match(error.message, /s3:\/\/results\//)
        for (const secret of Object.values(S3_KEY)) assert.ok(!error.message.includes(secret))
        return true
      }
      await Promise.all([
        assert.rejects(begun.commit(), unusable),
        assert.rejects(store.writeReceipt(receipt(request.id)), unusable),
        assert.rejects(store.joinParts(request, 'unprocessed', parts), unusable),
        assert.rejects(store.removeParts(request), unusable),
        assert.rejects(store.readReceipt(request), unusable),
        assert.rejects(openResultsStore(at.place), unusable),
      ])
      s3.meddle = () => undefined
      assert.equal((await begun.commit())?.rows, 1)
      assert.equal((await store.joinParts(request, 'unprocessed', parts)).file?.rows, 2)
    })
  }
})

describe('a result file that is downloaded from a bucket', () => {
  async function opened(t: TestContext) {
    const { at, store } = await setup(t)
    const { file } = await store.joinParts(request, 'unprocessed', [await large(store, 'a', 2)])
    assert.ok(file)
    return { at, store, file }
  }

  test('continues where the connection broke', async (t) => {
    const { store, file } = await opened(t)
    let calls = 0
    s3.meddle = () => (++calls <= 2 ? { breakAfter: MIB / 2 } : undefined)
    const hash = createHash('sha256')
    const download = await store.openFile(request, file)
    for await (const block of download?.stream() ?? []) hash.update(block)
    assert.equal(hash.digest('hex'), file.sha256)
    assert.equal(calls, 3)
  })

  test('ends with an error if it is removed or replaced meanwhile', async (t) => {
    for (const change of ['remove', 'replace'] as const) {
      const { at, store, file } = await opened(t)
      let calls = 0
      s3.meddle = () => (++calls === 1 ? { breakAfter: MIB / 2 } : undefined)
      const download = await store.openFile(request, file)
      const path = `${FOLDER}/unprocessed.csv`
      await (change === 'remove' ? at.remove(path) : at.write(path, 'x'.repeat(file.bytes)))
      const code = change === 'remove' ? 'OBJECT_NOT_FOUND' : 'PRECONDITION_FAILED'
      await assert.rejects(Array.fromAsync(download?.stream() ?? []), { code })
      s3.meddle = () => undefined
    }
  })
})

test('two processes name a store at once though the bucket refuses one of them for a moment', async (t) => {
  const at = await create(t)
  let refused = 0
  s3.meddle = ({ method }) =>
    method === 'PUT' && ++refused <= 2
      ? { status: 409, code: 'ConditionalRequestConflict' }
      : undefined
  const stores = await Promise.all([openStore(t, at), openStore(t, at)])
  assert.equal(new Set(stores.map(({ id }) => id)).size, 1)
  assert.ok(refused > 2)
})

test('the uploads of a request with an id in use again go on', async (t) => {
  const { at, store } = await setup(t)
  const parts = [await large(store, 'a', 1)]
  const writer = store.partWriter(request, 'unprocessed', '1.1')
  for (let row = 0; row < 6 * 1024; row++) writer.write(['x'.repeat(1023)])
  await writer.drain()
  await store.remove('default', request.id, async () => false)
  assert.equal(await uploadsOf(at), 1)
  const written = await writer.commit()
  assert.ok(written)
  const { file } = await store.joinParts(request, 'unprocessed', [...parts, written])
  assert.equal(file?.rows, 7 * 1024)
})

test('a folder of many pages is removed', async (t) => {
  const { at, store } = await setup(t)
  for (let k = 0; k < 7; k++) await at.write(`${FOLDER}/parts/${k}`, 'x')
  s3.pageSize = 3
  assert.equal((await store.files(request)).length, 7)
  await store.remove('default', request.id, async () => true)
  assert.deepEqual(await at.files(), ['.expunge-store'])
})
