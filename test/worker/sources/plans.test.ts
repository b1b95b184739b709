import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after } from 'node:test'
import { gzipSync } from 'node:zlib'
import { startRedis } from '../../helpers/redis.ts'
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

async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}
