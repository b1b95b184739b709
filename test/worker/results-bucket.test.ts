import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, test } from 'node:test'
import type { Receipt } from '../../src/shared/contract/receipt.ts'
import { openResultsStore } from '../../src/shared/results/open.ts'
import type { BucketPlace, ResultsStore } from '../../src/shared/results/results-store.ts'
import { claimResultsStore } from '../../src/shared/store/identity.ts'
import { settleRequest } from '../../src/worker/end/settle.ts'
import { removeDueFolders } from '../../src/worker/upkeep/due-folders.ts'
import { counted } from '../helpers/account.ts'
import { bucketPlace, startBucket } from '../helpers/bucket-place.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { context, planByHand, plannerDeps } from '../helpers/planning.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** Workers whose results are in a bucket. What holds for every store is tested with a directory. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const s3 = await startBucket(scope)
afterEach(() => {
  s3.meddle = () => undefined
})

/** Of 10 ids in three chunks the first, the fifth and the last fail, each in a chunk of its own. */
const IDS = ids18(10)
const FAILING = [0, 4, 9].flatMap((at) => IDS[at] ?? [])
const RULES = { rules: [{ code: 'DELETE_FAILED', ids: FAILING, message: 'no' }] }

interface Scope {
  after(fn: () => Promise<void>): void
}

interface BucketWorld extends World {
  readonly place: BucketPlace
}

async function world(t: Scope): Promise<BucketWorld> {
  const org = { maxJobRecords: 4 }
  const own = await startWorld(t, { redis, clock: leapingClock(), sandbox: { rows: RULES }, org })
  const place = bucketPlace(s3, own.org)
  const results = place
  return {
    ...own,
    place,
    config: { ...own.config, results },
    startWorker: (overrides = {}, mine) => own.startWorker({ results, ...overrides }, mine),
  }
}

const keysOf = async ({ place, org }: BucketWorld, id: string): Promise<readonly string[]> => {
  const folder = `${place.prefix}${org}/${id}/`
  return (await s3.keys('results', folder)).map((key) => key.slice(folder.length))
}

/** Resolves once the folder of a request holds these files. */
async function keysAre(at: BucketWorld, id: string, names: readonly string[]): Promise<void> {
  await poll(async () => (`${await keysOf(at, id)}` === `${names}` ? true : null))
}

/** The files of a receipt, after each was compared with what is in the bucket. */
async function provenFiles(
  at: BucketWorld,
  { id, files }: Receipt,
): Promise<Record<string, number>> {
  for (const { name, bytes, sha256 } of files) {
    const content = await s3.read('results', `${at.place.prefix}${at.org}/${id}/${name}`)
    const digest = createHash('sha256').update(content).digest('hex')
    assert.deepEqual({ name, bytes, sha256 }, { name, bytes: content.length, sha256: digest })
  }
  return Object.fromEntries(files.map(({ name, rows }) => [name, rows]))
}

test('a receipt and its result files are in the bucket, and no parts', async (t) => {
  const at = await world(t)
  await at.startWorker({ audit: { keepDeleted: true } })
  const receipt = await deleteIds(at, [...IDS, 'nonsense'], { onInvalid: 'skip' })
  assert.deepEqual(receipt.outcome, outcome({ deleted: 7, failed: 3 }))
  const rows = await provenFiles(at, receipt)
  assert.deepEqual(rows, { 'failed.csv': 3, 'invalid.csv': 1, 'deleted.csv': 7 })
  const names = ['deleted.csv', 'failed.csv', 'invalid.csv', 'receipt.json']
  await keysAre(at, receipt.id, names)
  const text = await s3.read('results', `${at.place.prefix}${at.org}/${receipt.id}/receipt.json`)
  assert.deepEqual(JSON.parse(String(text)), receipt)
})

test('a bucket that denies access delays requests with rows to list, and loses nothing', async (t) => {
  const at = await world(t)
  await at.startWorker()
  let denied = 0
  s3.meddle = ({ url = '' }) => {
    if (!url.includes('/parts/')) return undefined
    denied++
    return { status: 403, code: 'ExpiredToken' }
  }
  const id = await submitIds(at, IDS)
  await poll(async () => (denied >= 4 ? true : null))
  assert.equal((await at.producer.inspect(id, { org: at.org }))?.status, 'deleting')
  s3.meddle = () => undefined
  const receipt = await receiptOf(at, id)
  assert.equal(receipt.error, null)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 7, failed: 3 }))
  assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
})

test('without the bucket, requests without rows end, and new ones wait to be planned', async (t) => {
  const at = await world(t)
  const planned = await submitIds(at, ids18(3, 500))
  await planByHand(at, planned, await plannerDeps(at))
  await at.startWorker()
  s3.meddle = () => ({ status: 403, code: 'InvalidAccessKeyId' })
  const waiting = await submitIds(at, IDS)
  const ended = await receiptOf(at, planned)
  assert.deepEqual(ended.outcome, outcome({ deleted: 3 }))
  // Its plan is tried again, at first after five seconds.
  const { requests } = await at.store.queues()
  const isItsPlan = ({ id }: { id?: string | undefined }) => id === `p-${waiting.toLowerCase()}`
  const delayed = await poll(async () => (await requests.getDelayed()).find(isItsPlan) ?? null)
  // One plan, and the parts of the request that ended.
  await poll(async () => {
    const { results = 0 } = await counted(at.metrics, 'retries_total', 'reason')
    return results >= 2 ? true : null
  })
  assert.equal((await at.producer.inspect(waiting, { org: at.org }))?.status, 'queued')
  s3.meddle = () => undefined
  await delayed.promote()
  const receipt = await receiptOf(at, waiting)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 7, failed: 3 }))
  await keysAre(at, waiting, ['failed.csv', 'receipt.json'])
})

test('a bucket that does not answer keeps no worker from stopping', async (t) => {
  const at = await world(t)
  const worker = await at.startWorker()
  let isWaiting = false
  s3.meddle = ({ url = '' }) => {
    if (!url.includes('/parts/')) return undefined
    isWaiting = true
    return { stallAfter: 0 }
  }
  const id = await submitIds(at, IDS)
  await poll(async () => (isWaiting ? true : null))
  const begun = performance.now()
  await worker.stop()
  // The client would wait for a minute, four times.
  assert.ok(performance.now() - begun < 30_000)
  s3.meddle = () => undefined
  await at.startWorker()
  const receipt = await receiptOf(at, id)
  assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
})

/** A request whose chunks all have their outcome, and which nobody settles before `then`. */
async function meanwhile(at: BucketWorld, then: (id: string) => Promise<void>): Promise<Receipt> {
  const { store } = at
  const id = await submitIds(at, IDS)
  await planByHand(at, id, await plannerDeps(at))
  await (await store.queues()).requests.pause()
  await at.startWorker()
  await poll(async () => ((await store.ledger.openChunks(id)).size === 0 ? true : null))
  await then(id)
  await (await store.queues()).requests.resume()
  return receiptOf(at, id)
}

test('a part that is lost from the bucket is collected again', async (t) => {
  const at = await world(t)
  const receipt = await meanwhile(at, async (id) => {
    const [part = ''] = await keysOf(at, id)
    assert.match(part, /^parts\/.*\.failed\.csv$/)
    await s3.remove('results', `${at.place.prefix}${at.org}/${id}/${part}`)
  })
  assert.equal(receipt.error, null)
  assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
})

test('a part of a worker that died before the outcome was recorded does not count', async (t) => {
  const at = await world(t)
  const receipt = await meanwhile(at, async (id) => {
    const store = await opened(t, at)
    const part = store.partWriter({ org: at.org, id }, 'failed', '0.1')
    part.write([IDS[0] ?? '', 'DELETE_FAILED', 'no'])
    await part.commit()
    assert.equal((await keysOf(at, id)).length, 4)
  })
  assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
  await keysAre(at, receipt.id, ['failed.csv', 'receipt.json'])
})

test('several workers that settle one request leave one receipt and its files', async (t) => {
  const at = await world(t)
  const receipt = await meanwhile(at, async (id) => {
    const deps = await plannerDeps(at)
    const settle = () => settleRequest(id, deps, context()).catch((error) => error)
    await Promise.all([settle(), settle(), settle()])
  })
  assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
})

async function opened(t: Scope, { place }: BucketWorld): Promise<ResultsStore> {
  const store = await openResultsStore(place)
  t.after(() => store.close())
  return store
}

test('a process with another bucket or prefix is refused, and both are named', async (t) => {
  const at = await world(t)
  await claimResultsStore(at.store, await opened(t, at))
  const other = bucketPlace(s3, `${at.org}-other`)
  await assert.rejects(at.startWorker({ results: other }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'OTHER_RESULTS_STORE')
    assert.ok(error.message.includes(`keeps its results in ${at.place.path}, store `))
    assert.ok(error.message.includes(`but ${other.path} is store `))
    return true
  })
})

test('a folder is removed from the bucket when its retention is over', async (t) => {
  const at = await world(t)
  const worker = await at.startWorker()
  const { id } = await deleteIds(at, IDS)
  await keysAre(at, id, ['failed.csv', 'receipt.json'])
  await worker.stop()
  const results = await opened(t, at)
  const { ledger, redis: client } = at.store
  await removeDueFolders({ store: at.store, results }, context())
  assert.equal((await keysOf(at, id)).length, 2)
  await client.del(ledger.keys.request(id))
  await client.zadd(ledger.keys.folders(results.id), 0, id)
  await removeDueFolders({ store: at.store, results }, context())
  assert.deepEqual(await keysOf(at, id), [])
})
