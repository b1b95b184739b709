import assert from 'node:assert/strict'
import { after, afterEach, suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { Clock } from '../../../src/shared/base/clock.ts'
import type { BucketSettings } from '../../../src/shared/bucket/settings.ts'
import type { Fingerprint } from '../../../src/shared/store/ledger/planning.ts'
import { openS3 } from '../../../src/worker/sources/s3/s3.ts'
import { NO_SOURCES } from '../../helpers/config.ts'
import { S3_KEY, startS3 } from '../../helpers/s3.ts'
import { inReverse } from '../../helpers/scope.ts'
import { describeSource, readAll } from './conformance.ts'

const s3 = await startS3(inReverse(after))
await s3.createBucket('exports')

/** Waits are over at once. */
const clock: Clock = { now: () => 0, sleep: async (_, signal) => signal?.throwIfAborted() }

interface Setup {
  readonly bucket?: Partial<BucketSettings>
  /** What the first attempt noted. */
  readonly seen?: Fingerprint
}

function s3Source(key: string, { bucket, seen }: Setup = {}) {
  const notes: Fingerprint[] = []
  return {
    notes,
    open: (signal = new AbortController().signal) =>
      openS3(
        { type: 's3', bucket: 'exports', key },
        {
          settings: {
            ...NO_SOURCES,
            buckets: new Map([['exports', { ...s3.bucket('exports'), ...bucket }]]),
          },
          notes: {
            pin: async (note, found) => {
              notes.push(found)
              if (note === 'content' || seen === undefined) return 'same'
              return JSON.stringify(seen) === JSON.stringify(found) ? 'same' : 'other'
            },
            job: async () => null,
            saveJob: async () => 'saved',
          },
          signal,
        },
        clock,
      ),
  }
}

async function put(key: string, content: string | Uint8Array) {
  await s3.put('exports', key, content)
  return s3Source(key)
}

describeSource('s3', {
  of: (_, bytes) => put('ids.csv', bytes),
  failing: async () => ({
    source: await put('ids.csv.gz', gzipSync(Buffer.alloc(1_000_000, 'Id')).subarray(0, 500)),
    error: { code: 'SOURCE_TRUNCATED' },
  }),
  open: s3.open,
})

suite('an object', () => {
  afterEach(() => {
    s3.meddle = () => undefined
  })

  const ids = Buffer.from(Array.from({ length: 100_000 }, (_, n) => `${n}\n`).join(''))

  test('is decompressed by its first bytes', async () => {
    assert.deepEqual(await readAll(await put('a.csv', gzipSync(ids))), ids)
    assert.deepEqual(await readAll(await put('a.gz', zstdCompressSync(ids))), ids)
  })

  test('is read on from the next byte when its connection breaks', async () => {
    const source = await put('ids.csv', ids)
    s3.requests.length = 0
    let breaks = 3
    s3.meddle = ({ method }) =>
      method === 'GET' && breaks-- > 0 ? { breakAfter: 70_000 } : undefined
    assert.deepEqual(await readAll(source), ids)
    const ranges = s3.requests.map((request) => /bytes=(\d+)-$/.exec(request)?.[1]).filter(Boolean)
    assert.equal(ranges.length, 3)
    assert.deepEqual(
      ranges.map(Number).toSorted((a, b) => a - b),
      ranges.map(Number),
    )
  })

  test('fails if its connection breaks for good', async () => {
    const source = await put('ids.csv', ids)
    let isFirst = true
    s3.meddle = ({ method }) => {
      if (method !== 'GET') return undefined
      const after = isFirst ? 70_000 : 0
      isFirst = false
      return { breakAfter: after }
    }
    await assert.rejects(readAll(source), {
      code: 'SOURCE_TRUNCATED',
      message: /^The connection was lost after \d+ of 588890 bytes\. s3:.* Nothing was deleted\.$/,
    })
    assert.equal(await s3.open(), 0)
  })

  test('fails if it is replaced while it is read', async () => {
    const source = await put('ids.csv', ids)
    const reading = async () => {
      for await (const _ of source.open()) await s3.put('exports', 'ids.csv', 'Id\nother\n')
    }
    s3.meddle = ({ method, headers }) =>
      method === 'GET' && headers.range === undefined ? { breakAfter: 70_000 } : undefined
    await assert.rejects(reading(), { code: 'SOURCE_CHANGED', message: /it was replaced/ })
  })

  test('is the one that the first attempt to plan the request found', async () => {
    const source = await put('ids.csv', 'Id\n')
    await readAll(source)
    const [seen, content] = source.notes
    assert.deepEqual(Object.keys(seen ?? {}), ['etag', 'bytes'])
    assert.equal(content?.['bytes'], 3)
    await readAll(s3Source('ids.csv', { seen: seen ?? {} }))
    await s3.put('exports', 'ids.csv', 'Id\nx\n')
    await assert.rejects(readAll(s3Source('ids.csv', { seen: seen ?? {} })), {
      code: 'SOURCE_CHANGED',
    })
  })

  test('tells what is missing', async () => {
    await assert.rejects(readAll(s3Source('none.csv')), {
      code: 'SOURCE_NOT_FOUND',
      message:
        's3://exports/none.csv: the object does not exist. Check the key; it is case-sensitive and does not begin with "/". Nothing was deleted.',
    })
    await assert.rejects(readAll(s3Source('ids.csv', { bucket: { bucket: 'none' } })), {
      code: 'SOURCE_NOT_FOUND',
      message: /bucket does not exist/,
    })
  })

  test('tells that its bucket is not configured', async () => {
    const { open } = s3Source('ids.csv')
    const other = { type: 's3', bucket: 'other', key: 'ids.csv' } as const
    assert.ok(open)
    const reading = Array.fromAsync(
      openS3(other, {
        settings: { ...NO_SOURCES },
        notes: { pin: async () => 'same', job: async () => null, saveJob: async () => 'saved' },
        signal: new AbortController().signal,
      }),
    )
    await assert.rejects(reading, {
      code: 'SOURCE_NOT_ALLOWED',
      message: /^The bucket "other" is not in the configuration of the worker \(none/,
    })
  })

  test('tells wrong credentials, a wrong region and an archive apart', async () => {
    await put('ids.csv', 'Id\n')
    const wrong = { ...S3_KEY, secretAccessKey: 'wrong' }
    await assert.rejects(readAll(s3Source('ids.csv', { bucket: { key: wrong } })), {
      code: 'SOURCE_NOT_READABLE',
      message: /secret access key does not match/,
    })
    await assert.rejects(readAll(s3Source('ids.csv', { bucket: { region: 'us-west-2' } })), {
      code: 'SOURCE_NOT_READABLE',
      message: /not in the region us-west-2 but in eu-central-1/,
    })
    s3.meddle = ({ method }) =>
      method === 'GET' ? { status: 403, code: 'InvalidObjectState' } : undefined
    await assert.rejects(readAll(s3Source('ids.csv')), {
      code: 'SOURCE_NOT_READABLE',
      message: /archived \(Glacier\)/,
    })
  })
})
