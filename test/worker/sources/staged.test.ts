import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/shared/clock.ts'
import { orgKeys } from '../../../src/shared/ledger/keys.ts'
import { connectRedis } from '../../../src/shared/redis.ts'
import type { Staged } from '../../../src/shared/request.ts'
import { createStaging } from '../../../src/shared/staging.ts'
import { stagedSource } from '../../../src/worker/sources/staged.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { describeSource, readAll } from './conformance.ts'

const scope = inReverse(after)
const server = await startRedis(scope)
const redis = connectRedis({ kind: 'url', url: server.url }, 'fail-fast', () => {})
scope.after(async () => redis.disconnect())
const keys = orgKeys(randomUUID())
const staging = createStaging(redis, keys, systemClock.now)

async function stage(t: TestContext, bytes: Uint8Array): Promise<Staged> {
  const lot = { request: 'r1', lot: `u-${randomUUID()}` }
  t.after(() => staging.drop(lot))
  const writer = staging.write(lot, 0)
  await writer.write(bytes)
  return { lot: lot.lot, ...(await writer.end()) }
}

const damage = (staged: Staged, frame: string) =>
  redis.lset(keys.frames('r1', staged.lot, 0), 0, frame)

describeSource('staged', {
  of: async (t, bytes) => stagedSource(staging, 'r1', await stage(t, bytes)),
  failing: async (t) => {
    const staged = await stage(t, Buffer.alloc(2_000_000, 'x'))
    await redis.rpop(keys.frames('r1', staged.lot, 0))
    return { source: stagedSource(staging, 'r1', staged), error: { code: 'SOURCE_TRUNCATED' } }
  },
  open: async () => 0,
})

describe('staged bytes that are not those of the submission', () => {
  test('fail the plan for good where a frame does not decompress', async (t) => {
    const staged = await stage(t, Buffer.from('Id\n'))
    await damage(staged, 'no frame')
    const reading = readAll(stagedSource(staging, 'r1', staged))
    await assert.rejects(reading, { name: 'SourceError', code: 'SOURCE_TRUNCATED' })
  })

  test('fail it where there are as many others', async (t) => {
    const staged = await stage(t, Buffer.from('Id\n'))
    const other = await stage(t, Buffer.from('ID\n'))
    const source = stagedSource(staging, 'r1', { ...staged, lot: other.lot })
    await assert.rejects(readAll(source), { name: 'SourceError', code: 'SOURCE_TRUNCATED' })
  })
})
