import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { after, afterEach, before, suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { Clock } from '../../../src/shared/base/clock.ts'
import type { BucketSettings } from '../../../src/shared/bucket/settings.ts'
import type { CallerLimits } from '../../../src/shared/contract/caller-limits.ts'
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
  /** The name in the configuration. */
  readonly configured?: string
  readonly bucket?: Partial<BucketSettings>
  /** What the first attempt noted. */
  readonly seen?: Fingerprint
  readonly maxBytes?: number
  /** Those of the caller. */
  readonly limits?: CallerLimits | null
}

type Place = { readonly [Name in 'key' | 'prefix' | 'manifest']?: string }

function s3Source(
  place: string | Place,
  { bucket, configured = 'exports', seen, limits = null, maxBytes = 1e9 }: Setup = {},
) {
  const notes: Fingerprint[] = []
  const source = typeof place === 'string' ? { key: place } : place
  const parts = (signal = new AbortController().signal) =>
    openS3(
      { type: 's3', bucket: 'exports', ...source },
      {
        record: { limits },
        settings: {
          ...{ ...NO_SOURCES, maxBytes },
          buckets: new Map([[configured, { ...s3.bucket('exports'), ...bucket }]]),
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
    )
  return {
    notes,
    parts,
    open: async function* (signal?: AbortSignal) {
      for await (const { bytes } of parts(signal)) yield* bytes
    },
  }
}

/** The text of each part by its name. */
async function textsOf({ parts }: ReturnType<typeof s3Source>) {
  const texts: (readonly [name: string | null, text: string])[] = []
  for await (const { name, bytes } of parts()) {
    texts.push([name, Buffer.concat(await Array.fromAsync(bytes)).toString()])
  }
  return texts
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

  test('is refused if it is too large, as stored or as decompressed', async () => {
    const tooLarge = { code: 'SOURCE_TOO_LARGE', message: /^s3:\/\/exports\/a\.csv has more than / }
    await put('a.csv', ids)
    s3.requests.length = 0
    await assert.rejects(readAll(s3Source('a.csv', { maxBytes: ids.length - 1 })), tooLarge)
    assert.deepEqual(
      s3.requests.map((request) => request.split(' ')[0]),
      ['HEAD'],
    )
    assert.deepEqual(await readAll(s3Source('a.csv', { maxBytes: ids.length })), ids)
    const { length } = gzipSync(ids)
    await put('a.csv', gzipSync(ids))
    await assert.rejects(readAll(s3Source('a.csv', { maxBytes: length })), tooLarge)
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
      message: /^The connection was lost after \d+ of 588890 bytes\. s3:.*\.$/,
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
    assert.deepEqual({ ...seen, sha256: '' }, { objects: 1, bytes: 3, sha256: '' })
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
        's3://exports/none.csv: the object does not exist. Check the key; it is case-sensitive and does not begin with "/".',
    })
    await assert.rejects(readAll(s3Source('ids.csv', { bucket: { bucket: 'none' } })), {
      code: 'SOURCE_NOT_FOUND',
      message: /bucket does not exist/,
    })
  })

  test('tells that its bucket is not configured', async () => {
    const { open } = s3Source('ids.csv', { configured: 'other' })
    await assert.rejects(Array.fromAsync(open()), {
      code: 'SOURCE_NOT_ALLOWED',
      message: /^The bucket "exports" is not in the configuration of the worker \(it has other\)/,
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

suite('the objects below a prefix', () => {
  afterEach(() => {
    s3.pageSize = 1000
  })

  test('are read in the order of their keys, each for itself, without empty ones', async () => {
    const parts = { 'run/b.csv': 'Id\nb\n', 'run/B.gz': gzipSync('Id\nB\n'), 'run/a/1.csv': '1' }
    for (const [key, content] of Object.entries(parts)) await s3.put('exports', key, content)
    await s3.put('exports', 'run/_SUCCESS', '')
    await s3.put('exports', 'runs.csv', 'x')
    s3.pageSize = 2
    assert.deepEqual(await textsOf(s3Source({ prefix: 'run/' })), [
      ['run/B.gz', 'Id\nB\n'],
      ['run/a/1.csv', '1'],
      ['run/b.csv', 'Id\nb\n'],
    ])
  })

  test('are those that the first attempt found', async () => {
    await s3.put('exports', 'pinned/1.csv', 'Id\n')
    const source = s3Source({ prefix: 'pinned/' })
    await readAll(source)
    const [seen = {}] = source.notes
    await s3.put('exports', 'pinned/2.csv', 'Id\n')
    await assert.rejects(readAll(s3Source({ prefix: 'pinned/' }, { seen })), {
      code: 'SOURCE_CHANGED',
      message: /^s3:\/\/exports\/pinned\/ is not as the first attempt/,
    })
  })

  test('fail if one of them is replaced after they were listed', async () => {
    await s3.put('exports', 'late/1.csv', 'Id\n')
    await s3.put('exports', 'late/2.csv', 'Id\n')
    const reading = async () => {
      for await (const { bytes } of s3Source({ prefix: 'late/' }).parts()) {
        await s3.put('exports', 'late/2.csv', 'Id\nx\n')
        for await (const _ of bytes);
      }
    }
    await assert.rejects(reading(), { code: 'SOURCE_CHANGED', message: /late\/2\.csv: .*replaced/ })
  })

  test('are refused if there are none', async () => {
    await s3.put('exports', 'empty/', '')
    for (const prefix of ['none/', 'empty/']) {
      await assert.rejects(readAll(s3Source({ prefix })), {
        code: 'EMPTY_SOURCE',
        message: new RegExp(
          `^s3://exports/${prefix}\\*: no object with this prefix has any content`,
        ),
      })
    }
  })
})

suite('the objects of a manifest', () => {
  const put = (manifest: string | object) =>
    s3.put(
      'exports',
      'unload/manifest',
      typeof manifest === 'string' ? manifest : JSON.stringify(manifest),
    )
  const source = (limits: CallerLimits | null = null) =>
    s3Source({ manifest: 'unload/manifest' }, { limits })
  const url = (key: string) => `s3://exports/unload/${key}`

  before(async () => {
    await s3.put('exports', 'unload/0001_part_00', 'Id\na\n')
    await s3.put('exports', 'unload/0000_part_00', 'Id\nb\n')
    await s3.put('exports', 'unload/0002_part_00', '')
  })

  test('are read in its order, as Redshift writes it', async () => {
    await put({
      entries: [
        { url: url('0001_part_00'), mandatory: true, meta: { content_length: 5, record_count: 1 } },
        { url: url('0000_part_00'), sha256: sha256('Id\nb\n').toUpperCase() },
        { url: url('0002_part_00'), meta: { content_length: 0 } },
      ],
      schema: { elements: [] },
    })
    assert.deepEqual(await textsOf(source()), [
      ['unload/0001_part_00', 'Id\na\n'],
      ['unload/0000_part_00', 'Id\nb\n'],
    ])
  })

  test('are read as Athena lists them', async () => {
    await put(`"${url('0001_part_00')}"\r\n${url('0000_part_00')},${sha256('Id\nb\n')}\n`)
    const names = (await textsOf(source())).map(([name]) => name)
    assert.deepEqual(names, ['unload/0001_part_00', 'unload/0000_part_00'])
  })

  test('fail if one is missing, or is not what the manifest says', async () => {
    await put({ entries: [{ url: url('0009_part_00') }] })
    await assert.rejects(readAll(source()), {
      code: 'SOURCE_NOT_FOUND',
      message: /unload\/0009_part_00: the object does not exist/,
    })
    await put({ entries: [{ url: url('0001_part_00'), meta: { content_length: 6 } }] })
    await assert.rejects(readAll(source()), {
      code: 'SOURCE_CHANGED',
      message: /has 5 bytes, but 6 in its manifest/,
    })
    await put({ entries: [{ url: url('0001_part_00'), sha256: sha256('x') }] })
    await assert.rejects(readAll(source()), {
      code: 'SOURCE_CHANGED',
      message: /unload\/0001_part_00 does not have the SHA-256 of the manifest/,
    })
  })

  test('are only those of its bucket, where the caller may read', async () => {
    await put('s3://other/unload/0001_part_00')
    await assert.rejects(readAll(source()), { code: 'SOURCE_NOT_ALLOWED', message: /s3:\/\/other/ })
    await put(url('0001_part_00'))
    const limits = (...objects: string[]) => ({
      ...{ recordsPerHour: null, recordsPerDay: null, files: null, objects },
    })
    assert.equal((await textsOf(source(limits('exports/unload')))).length, 1)
    await assert.rejects(readAll(source(limits('exports/crm'))), { code: 'SOURCE_NOT_ALLOWED' })
  })

  test('are refused with the place if the manifest is not one', async () => {
    const faults = {
      'Id\n003\n': /is neither JSON nor a list of objects: line 1: expected s3:\/\/bucket\/key/,
      '{"entries"': /is not valid JSON/,
      '{"files": []}': /is not in the form .*: entries: /,
      '{"entries": [{"url": "https://x/y"}]}': /entries\.0\.url: expected s3:/,
      '\0': /holds a NUL/,
    }
    for (const [manifest, message] of Object.entries(faults)) {
      await put(manifest)
      await assert.rejects(readAll(source()), { code: 'SOURCE_NOT_READABLE', message })
    }
    await put({ entries: [] })
    await assert.rejects(readAll(source()), { code: 'EMPTY_SOURCE' })
  })
})

const sha256 = (text: string) => hash('sha256', text)
