import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { LedgerConnection } from '../../../../src/shared/store/ledger/connection.ts'
import { orgKeys } from '../../../../src/shared/store/ledger/keys.ts'
import { connectRedis, type RedisClient } from '../../../../src/shared/store/redis/redis.ts'
import {
  createStaging,
  FRAME_BYTES,
  type Lot,
  StagingError,
} from '../../../../src/shared/store/staging/staging.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'
import { startRedis } from '../../../helpers/redis.ts'

const server = await startRedis({ after })
const LOT: Lot = { request: 'Req-1', lot: 'lot-1' }
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function open(scope: { after(fn: () => void): void }, url = server.url, now = () => 1_000) {
  const redis = connectRedis({ kind: 'url', url }, 'wait', () => {})
  scope.after(() => redis.disconnect())
  const keys = orgKeys(randomUUID())
  const staging = createStaging(new LedgerConnection(redis, keys), keys, now)
  const write = async (lot: Lot, chunk: number, bytes: Uint8Array) => {
    const writer = staging.write(lot, chunk)
    await writer.write(bytes)
    return writer.end()
  }
  const read = async (lot: Lot, chunk: number) =>
    Buffer.concat(await Array.fromAsync(staging.read(lot, chunk)))
  const frames = (lot = LOT, chunk = 0) => keys.frames(lot.request, lot.lot, chunk)
  return { redis, keys, staging, write, read, frames }
}

/** Half noise, half repetition: neither all frames small nor all frames large. */
function someBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(65)
  bytes.set(randomBytes(length >> 1))
  return bytes
}

test('whatever is written, in whatever pieces, is read back', async (t) => {
  const { staging, read } = open(t)
  const size = fc.oneof(fc.nat(40), fc.nat(400_000), fc.constantFrom(0, 15, FRAME_BYTES))
  let run = 0
  const property = fc.asyncProperty(fc.array(size, { maxLength: 6 }), async (sizes) => {
    const lot = { request: 'r', lot: `lot-${run++}` }
    const pieces = sizes.map(someBytes)
    const writer = staging.write(lot, 3)
    for (const piece of pieces) {
      const mine = Uint8Array.from(piece)
      await writer.write(mine)
      mine.fill(0)
    }
    const whole = Buffer.concat(pieces)
    assert.deepEqual(await writer.end(), { bytes: whole.length, sha256: sha256(whole) })
    assert.ok(whole.equals(await read(lot, 3)))
    await staging.drop(lot)
  })
  await fc.assert(property, { numRuns: runs(25) })
})

test('frames are full but for the last, and none is over 1 MB however badly it compresses', async (t) => {
  const { redis, staging, write, frames } = open(t)
  await write(LOT, 0, randomBytes(2 * FRAME_BYTES + 15))
  const stored = await redis.lrangeBuffer(frames(), 0, -1)
  assert.equal(stored.length, 3)
  for (const frame of stored) assert.ok(frame.length <= 1_000_000, `${frame.length} bytes`)
  const lengths = (await Array.fromAsync(staging.read(LOT, 0))).map(({ length }) => length)
  assert.deepEqual(lengths, [FRAME_BYTES, FRAME_BYTES, 15])
})

test('a full frame holds whole ids', () => {
  assert.equal(FRAME_BYTES % 15, 0)
})

test('nothing written is nothing staged', async (t) => {
  const { staging, write, read, redis, frames } = open(t)
  const empty = new Uint8Array()
  assert.deepEqual(await write(LOT, 0, empty), { bytes: 0, sha256: sha256(empty) })
  assert.equal(await redis.exists(frames()), 0)
  assert.deepEqual(await staging.lots(), [])
  assert.equal((await read(LOT, 0)).length, 0)
})

test('the index knows each lot, its lists and when it last grew', async (t) => {
  let time = 5
  const { staging, write } = open(t, server.url, () => time)
  await write(LOT, 0, someBytes(10))
  await write(LOT, 2, someBytes(10))
  time = 9
  // An earlier list that grows later must not make the index forget the later lists.
  await write(LOT, 1, someBytes(10))
  await write({ request: 'other', lot: 'upload' }, 0, someBytes(10))
  const lots = [...(await staging.lots())].sort((a, b) => (a.request < b.request ? -1 : 1))
  assert.deepEqual(lots, [
    { request: 'other', lot: 'upload', first: 0, chunks: 1, touchedAt: 9 },
    { request: 'req-1', lot: 'lot-1', first: 0, chunks: 3, touchedAt: 9 },
  ])
})

test('pages of lots have every lot', async (t) => {
  const { staging, write } = open(t, server.url, () => 5)
  // As many as Redis no longer keeps in one piece, which would be one page.
  const requests = Array.from({ length: 600 }, (_, n) => `req-${n}`)
  for (const request of requests) await write({ request, lot: 'upload' }, 0, someBytes(1))
  const seen = new Set<string>()
  let pages = 0
  let from: string | null = null
  do {
    const page: Awaited<ReturnType<typeof staging.lotsPage>> = await staging.lotsPage(from, 50)
    for (const { request } of page.entries) seen.add(request)
    pages++
    from = page.next
  } while (from !== null)
  assert.deepEqual([...seen].sort(), requests.sort())
  assert.ok(pages > 2, `${pages} pages`)
})

test('dropping a lot leaves nothing of it and all of the others', async (t) => {
  const { redis, keys, staging, write, read } = open(t)
  const other = { request: 'Req-1', lot: 'lot-2' }
  const bytes = someBytes(2 * FRAME_BYTES)
  for (const chunk of [0, 1, 2]) await write(LOT, chunk, bytes)
  await write(other, 0, bytes)
  await staging.drop({ ...LOT, request: 'REQ-1' })
  const left = await redis.keys(`${keys.prefix}:*`)
  assert.deepEqual(
    left.sort(),
    [keys.frames('req-1', 'lot-2', 0), keys.identity, keys.staged].sort(),
  )
  assert.deepEqual(
    (await staging.lots()).map(({ lot }) => lot),
    ['lot-2'],
  )
  assert.ok((await read(other, 0)).equals(bytes))
  await staging.drop(LOT)
  await staging.drop(other)
  assert.deepEqual(await redis.keys(`${keys.prefix}:*`), [keys.identity])
})

test('two lots written at once do not mix', async (t) => {
  const { staging, read } = open(t)
  const lots = [LOT, { request: 'Req-1', lot: 'lot-2' }]
  const pieces = lots.map(() => Array.from({ length: 5 }, () => someBytes(600_000)))
  await Promise.all(
    lots.map(async (lot, at) => {
      const writer = staging.write(lot, 0)
      for (const piece of pieces[at] ?? []) await writer.write(piece)
      await writer.end()
    }),
  )
  for (const [at, lot] of lots.entries()) {
    assert.ok((await read(lot, 0)).equals(Buffer.concat(pieces[at] ?? [])))
  }
})

test('a frame that was damaged is an error, not other ids', async (t) => {
  const { redis, write, read, frames } = open(t)
  await write(LOT, 0, someBytes(3 * FRAME_BYTES))
  await redis.lset(frames(), 1, 'no frame')
  await assert.rejects(read(LOT, 0), (error) => {
    assert.ok(error instanceof StagingError)
    assert.equal(error.code, 'STAGING_DAMAGED')
    assert.match(error.message, /frames:req-1:lot-1:0/)
    return true
  })
  await redis.lset(frames(), 1, Buffer.alloc(0))
  await assert.rejects(read(LOT, 0), StagingError)
})

test('a reader that stops early leaves no error behind', async (t) => {
  const { redis, staging, write, frames } = open(t)
  await write(LOT, 0, someBytes(4 * FRAME_BYTES))
  await redis.lset(frames(), 3, 'no frame')
  for await (const frame of staging.read(LOT, 0)) {
    assert.equal(frame.length, FRAME_BYTES)
    break
  }
  await redis.ping()
})

test('an index entry that cannot be read is named', async (t) => {
  const { redis, keys, staging } = open(t)
  await redis.hset(keys.staged, 'req-1:lot-1', '{"chunks":"many"}')
  await assert.rejects(staging.lots(), /unreadable entry req-1:lot-1/)
})

test('what Redis refuses meets the next write or the end, and nobody else', async (t) => {
  const { redis, staging, frames } = open(t)
  await redis.set(frames(), 'no list')
  const before = await refusals(redis)
  const writer = staging.write(LOT, 0)
  await writer.write(someBytes(FRAME_BYTES))
  // The refusal is there before anybody asks: as an unhandled rejection it would fail this test.
  while ((await refusals(redis)) === before);
  await new Promise(setImmediate)
  await assert.rejects(writer.write(someBytes(FRAME_BYTES)), /WRONGTYPE/)
  await assert.rejects(writer.write(someBytes(1)), /WRONGTYPE/)
  await assert.rejects(writer.end(), /WRONGTYPE/)

  const short = staging.write(LOT, 0)
  await short.write(someBytes(10))
  await assert.rejects(short.end(), /WRONGTYPE/)
})

test('a frame whose reply got lost is there once', async (t) => {
  const proxy = await startProxy(t)
  const { redis, staging, write, read, frames } = open(t, proxy.url)
  await write({ request: 'other', lot: 'lot-1' }, 0, someBytes(1))
  const bytes = someBytes(2 * FRAME_BYTES + 30)
  const writer = staging.write(LOT, 0)
  await writer.write(bytes.subarray(0, FRAME_BYTES))
  // Redis does it, the answer never comes, and ioredis says it again on its next connection.
  proxy.loseNextReply()
  await writer.write(bytes.subarray(FRAME_BYTES))
  await writer.end()
  assert.equal(proxy.lost, 1)
  assert.equal(await redis.llen(frames()), 3)
  assert.ok((await read(LOT, 0)).equals(bytes))
})

test('who writes a lot that was dropped, or is another’s, is told so', async (t) => {
  const { redis, keys, staging, write } = open(t)
  const zombie = staging.write(LOT, 0)
  await zombie.write(someBytes(FRAME_BYTES))
  await zombie.write(someBytes(FRAME_BYTES))
  await staging.drop(LOT)
  await zombie.write(someBytes(5))
  await assert.rejects(zombie.end(), StagingError)
  await staging.drop(LOT)
  assert.deepEqual(await redis.keys(`${keys.prefix}:*`), [keys.identity])

  await write(LOT, 0, someBytes(100))
  await assert.rejects(write(LOT, 0, someBytes(100)), /stage it again under another name/)
})

test('whoever writes while a lot is dropped leaves no frame that the index does not know', async (t) => {
  const { redis, keys, staging, write } = open(t)
  const dropper = createStaging(new LedgerConnection(open(t).redis, keys), keys, () => 1_000)
  for (let round = 0; round < 30; round++) {
    await write(LOT, 0, someBytes(10))
    const writing = Array.from({ length: 8 }, (_, chunk) => write(LOT, chunk + 1, someBytes(1_500)))
    for (let trips = round % 5; trips > 0; trips--) await redis.ping()
    await Promise.all([...writing, dropper.drop(LOT)])
    const frames = await redis.keys(keys.frames(LOT.request, LOT.lot, 0).replace(/0$/, '*'))
    assert.equal((await staging.lots()).length, frames.length > 0 ? 1 : 0)
    await staging.drop(LOT)
    assert.deepEqual(await redis.keys(`${keys.prefix}:*`), [keys.identity])
  }
})

async function refusals(redis: RedisClient): Promise<string> {
  return /errorstat_WRONGTYPE:count=(\d+)/.exec(await redis.info('errorstats'))?.[1] ?? '0'
}

/** Between client and Redis; it can swallow one reply and break the connection there. */
async function startProxy(t: { after(fn: () => void): void }) {
  const sockets = new Set<Socket>()
  const state = { isDeaf: false, lost: 0 }
  const proxy = createServer((client) => {
    const upstream = connect(server.port, server.host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.pipe(upstream)
    upstream.on('data', (reply) => {
      if (!state.isDeaf) return client.write(reply)
      state.isDeaf = false
      state.lost++
      client.destroy()
      return upstream.destroy()
    })
    client.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  assert.ok(typeof address === 'object' && address !== null)
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  return {
    url: `redis://127.0.0.1:${address.port}`,
    get lost() {
      return state.lost
    },
    loseNextReply: () => {
      state.isDeaf = true
    },
  }
}
