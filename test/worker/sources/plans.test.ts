import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { NO_SOURCES } from '../../helpers/config.ts'
import { linesOf, receiptOf } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { S3_KEY, startS3 } from '../../helpers/s3.ts'
import { startWorld } from '../../helpers/world.ts'
import { describePlans } from './conformance-plans.ts'

const redis = await startRedis({ after })

describePlans('ids', {
  redis,
  of: async (_, bytes) => {
    const [, ...ids] = bytes.toString().trim().split('\n')
    return { source: { type: 'ids', ids } }
  },
  most: 10_000,
  secondRow: { line: 2, words: 'id 2 of 5' },
})

describePlans('upload', {
  redis,
  of: async (_, bytes) => ({ source: { type: 'upload' }, upload: cut(bytes) }),
})

describePlans('file', {
  redis,
  of: async ({ folder }, bytes) => {
    const path = join(folder, 'ids.csv')
    await writeFile(path, bytes)
    return { source: { type: 'file', path } }
  },
  breaking: async ({ folder }, bytes) => {
    const path = join(folder, 'ids.csv.gz')
    const packed = gzipSync(bytes)
    await writeFile(path, packed.subarray(0, packed.length / 2))
    return { source: { type: 'file', path }, code: 'SOURCE_TRUNCATED' }
  },
})

const s3 = await startS3({ after })
await s3.createBucket('exports')
const BUCKETS = {
  ...NO_SOURCES,
  buckets: new Map([['exports', s3.bucket('exports')]]),
}
const OBJECT = { type: 's3', bucket: 'exports', key: 'ids.csv' } as const

describePlans('s3', {
  redis,
  settings: () => BUCKETS,
  of: async (_, bytes) => {
    s3.meddle = () => undefined
    await s3.put('exports', 'ids.csv', bytes)
    return { source: OBJECT }
  },
  breaking: async (_, bytes) => {
    await s3.put('exports', 'ids.csv', bytes)
    s3.meddle = ({ method, headers }) => {
      if (method !== 'GET') return undefined
      if (headers.range !== undefined) return { status: 412, code: 'PreconditionFailed' }
      return { breakAfter: bytes.length / 2 }
    }
    return { source: OBJECT, code: 'SOURCE_CHANGED' }
  },
  stalling: async (_, bytes) => {
    await s3.put('exports', 'ids.csv', bytes)
    s3.meddle = ({ method }) => (method === 'GET' ? { stallAfter: bytes.length / 2 } : undefined)
    return { source: OBJECT }
  },
  open: s3.open,
  secrets: Object.values(S3_KEY),
})

test('rows of several objects are refused with their object', async (t) => {
  const world = await startWorld(t, { redis })
  await world.startWorker({ sources: BUCKETS })
  const [good = '', other = ''] = ids18(2)
  s3.meddle = () => undefined
  await s3.put('exports', 'run/a.csv', `Name,Id\nx,${good}\n`)
  await s3.put('exports', 'run/b.csv', `Contact ID\n${other}\nnonsense\n`)
  const source = { type: 's3', bucket: 'exports', prefix: 'run/' } as const
  const { org, producer } = world
  const submit = async (id: string) =>
    (await producer.submit({ id, org, object: 'Contact', source })).request.id
  const { error } = await receiptOf(world, await submit('rows'))
  assert.match(error?.message ?? '', /the first is run\/b\.csv, line 3: non… \(8 characters\)/)
  assert.deepEqual(await linesOf(world, 'rows', 'invalid.csv'), [
    '"run/b.csv, line 3",non… (8 characters),NOT_AN_ID: not a 15- or 18-character record id',
  ])
  await s3.put('exports', 'run/c.csv', 'Name,Mail\nx,y\n')
  const headless = await receiptOf(world, await submit('headless'))
  assert.equal(headless.error?.code, 'NO_ID_COLUMN')
  assert.match(headless.error?.message ?? '', /^run\/c\.csv: /)
})

async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}
