import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after } from 'node:test'
import { gzipSync } from 'node:zlib'
import { NO_SOURCES } from '../../helpers/config.ts'
import { startRedis } from '../../helpers/redis.ts'
import { S3_KEY, startS3 } from '../../helpers/s3.ts'
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
const OBJECT = { type: 's3', bucket: 'exports', key: 'ids.csv' } as const

describePlans('s3', {
  redis,
  settings: () => ({
    ...NO_SOURCES,
    buckets: new Map([['exports', s3.bucket('exports')]]),
  }),
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

async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}
