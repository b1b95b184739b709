import assert from 'node:assert/strict'
import { hash, randomUUID } from 'node:crypto'
import { after, describe, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/shared/base/clock.ts'
import { LedgerConnection } from '../../../src/shared/store/ledger/connection.ts'
import { orgKeys } from '../../../src/shared/store/ledger/keys.ts'
import { createLedger } from '../../../src/shared/store/ledger/ledger.ts'
import type { Staged } from '../../../src/shared/store/ledger/record.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { pack } from '../../../src/shared/store/staging/frame.ts'
import { createStaging } from '../../../src/shared/store/staging/staging.ts'
import { readStaged } from '../../../src/worker/sources/staged.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { describeSource, readAll } from './conformance.ts'

const scope = inReverse(after)
const server = await startRedis(scope)
const redis = connectRedis({ kind: 'url', url: server.url }, 'fail-fast', () => {})
scope.after(async () => redis.disconnect())
const keys = orgKeys(randomUUID())
const connection = new LedgerConnection(redis, keys)
const staging = createStaging(connection, keys, systemClock.now)
const store = { ledger: createLedger(connection, keys), staging }

const stagedSource = (from: typeof store, request: string, staged: Staged) => ({
  open: (signal?: AbortSignal) => readStaged(from, request, staged, signal),
})

async function stage(t: TestContext, bytes: Uint8Array): Promise<Staged> {
  const lot = { request: 'r1', lot: `u-${randomUUID()}` }
  t.after(() => staging.drop(lot))
  const writer = staging.write(lot, 0)
  await writer.write(bytes)
  return { lot: lot.lot, inRecord: false, ...(await writer.end()) }
}

const damage = (staged: Staged, frame: string) =>
  redis.lset(keys.frames('r1', staged.lot, 0), 0, frame)

describeSource('staged', {
  of: async (t, bytes) => stagedSource(store, 'r1', await stage(t, bytes)),
  failing: async (t) => {
    const staged = await stage(t, Buffer.alloc(2_000_000, 'x'))
    await redis.rpop(keys.frames('r1', staged.lot, 0))
    return { source: stagedSource(store, 'r1', staged), error: { code: 'SOURCE_TRUNCATED' } }
  },
  open: async () => 0,
})

/** As the ledger enters a list: in the record itself. */
async function enter(t: TestContext, bytes: Uint8Array): Promise<Staged> {
  t.after(() => redis.del(keys.request('r2')))
  await redis.hset(keys.request('r2'), 'frame', await pack(bytes))
  const sha256 = hash('sha256', bytes)
  return { lot: `u-${randomUUID()}`, inRecord: true, bytes: bytes.length, sha256 }
}

describeSource('list in the record', {
  of: async (t, bytes) => stagedSource(store, 'r2', await enter(t, bytes)),
  failing: async (t) => {
    const staged = await enter(t, Buffer.from('Id\n'))
    await redis.hdel(keys.request('r2'), 'frame')
    return { source: stagedSource(store, 'r2', staged), error: { code: 'SOURCE_TRUNCATED' } }
  },
  open: async () => 0,
})

describe('staged bytes that are not those of the submission', () => {
  test('fail the plan for good where a frame does not decompress', async (t) => {
    const staged = await stage(t, Buffer.from('Id\n'))
    await damage(staged, 'no frame')
    const reading = readAll(stagedSource(store, 'r1', staged))
    await assert.rejects(reading, { name: 'SourceError', code: 'SOURCE_TRUNCATED' })
  })

  test('fail it where the frame in the record does not decompress', async (t) => {
    const staged = await enter(t, Buffer.from('Id\n'))
    await redis.hset(keys.request('r2'), 'frame', 'no frame')
    const reading = readAll(stagedSource(store, 'r2', staged))
    await assert.rejects(reading, { name: 'SourceError', code: 'SOURCE_TRUNCATED' })
  })

  test('fail it where there are as many others', async (t) => {
    const staged = await stage(t, Buffer.from('Id\n'))
    const other = await stage(t, Buffer.from('ID\n'))
    const source = stagedSource(store, 'r1', { ...staged, lot: other.lot })
    await assert.rejects(readAll(source), { name: 'SourceError', code: 'SOURCE_TRUNCATED' })
  })
})
