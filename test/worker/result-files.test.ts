import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Receipt } from '../../src/shared/contract/receipt.ts'
import { openDirectory } from '../../src/shared/results/directory/store.ts'
import { ResultsStoreError } from '../../src/shared/results/results-store.ts'
import { createSalesforce } from '../../src/shared/salesforce/client.ts'
import { settleRequest } from '../../src/worker/end/settle.ts'
import { removeDueFolders } from '../../src/worker/upkeep/due-folders.ts'
import { sweep } from '../../src/worker/upkeep/sweep.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, linesOf, outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { context, planByHand, plannerDeps } from '../helpers/planning.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { startWorld, type World, type WorldOptions } from '../helpers/world.ts'

const redis = await startRedis(inReverse(after))

/** Of 10 ids in three chunks the first, the fifth and the last fail, each in a chunk of its own. */
const IDS = ids18(10)
const FAILING = [0, 4, 9].flatMap((at) => IDS[at] ?? [])
const RULES = {
  rules: [{ code: 'DELETE_FAILED', ids: FAILING, message: 'no, ""never"":\nnot now' }],
}

function world(t: Scope, options: Partial<WorldOptions> = {}): Promise<World> {
  const org = { maxJobRecords: 4 }
  return startWorld(t, { redis, clock: leapingClock(), sandbox: { rows: RULES }, org, ...options })
}

interface Scope {
  after(fn: () => Promise<void>): void
}

const folderOf = ({ results, org }: World, id: string) => join(results, org, id)

/** The files of a receipt, after each was held against what lies there. */
async function provenFiles(at: World, { id, files }: Receipt): Promise<Record<string, number>> {
  for (const { name, bytes, sha256 } of files) {
    const content = await readFile(join(folderOf(at, id), name))
    const digest = createHash('sha256').update(content).digest('hex')
    assert.deepEqual({ name, bytes, sha256 }, { name, bytes: content.length, sha256: digest })
  }
  return Object.fromEntries(files.map(({ name, rows }) => [name, rows]))
}

/**
 * A request whose chunks all have their outcome, and which nobody settles before `then` has done its
 * worst to the parts. Resolves with its receipt.
 */
async function meanwhile(
  at: World,
  then: (parts: readonly string[], id: string) => Promise<void>,
): Promise<Receipt> {
  const { store } = at
  const id = await submitIds(at, IDS)
  await planByHand(at, id, await plannerDeps(at))
  await (await store.queues()).requests.pause()
  await at.startWorker()
  while ((await store.ledger.openChunks(id)).size > 0) await pause()
  const folder = join(folderOf(at, id), 'parts')
  await then(
    (await readdir(folder)).map((name) => join(folder, name)),
    id,
  )
  await (await store.queues()).requests.resume()
  return receiptOf(at, id)
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

const first = ([path]: readonly string[]): string => {
  assert.ok(path)
  return path
}

describe('a receipt', () => {
  test('lists the result files as they lie there', async (t) => {
    const at = await world(t)
    await at.startWorker({ audit: { keepDeleted: true } })
    const receipt = await deleteIds(at, [...IDS, 'nonsense', 'no id'], { onInvalid: 'skip' })
    assert.deepEqual(receipt.outcome, outcome({ deleted: 7, failed: 3 }))
    const rows = await provenFiles(at, receipt)
    assert.deepEqual(rows, { 'failed.csv': 3, 'invalid.csv': 2, 'deleted.csv': 7 })
    assert.equal(receipt.error, null)
  })

  test('lists the deleted ids that its request asked for, and not those of its company', async (t) => {
    const at = await world(t, { sandbox: {} })
    await at.startWorker()
    const asked = await deleteIds(at, IDS, { deletedFile: true })
    assert.deepEqual(await provenFiles(at, asked), { 'deleted.csv': IDS.length })
    assert.deepEqual((await deleteIds(at, IDS)).files, [])
  })

  test('lists none where no row was to be listed', async (t) => {
    const at = await world(t, { sandbox: {} })
    await at.startWorker()
    const receipt = await deleteIds(at, IDS)
    assert.deepEqual(receipt.files, [])
  })

  test('of a refused plan lists the refused rows', async (t) => {
    const at = await world(t)
    await at.startWorker()
    const receipt = await deleteIds(at, [...IDS, 'nonsense'])
    assert.equal(receipt.status, 'refused')
    assert.deepEqual(await provenFiles(at, receipt), { 'invalid.csv': 1 })
  })
})

describe('a part of a result file that is lost', () => {
  /** What may happen to one between its ingest job and the end of the request. */
  const DAMAGE: Readonly<Record<string, (parts: readonly string[]) => Promise<void>>> = {
    missing: (parts) => rm(first(parts)),
    truncated: (parts) => truncate(first(parts), 20),
    'of another life': (parts) => writeFile(first(parts), 'Id,Code,Message\n003,X,y\n'),
    'gone with all others': (parts) => rm(dirname(first(parts)), { recursive: true }),
  }
  for (const [how, damage] of Object.entries(DAMAGE)) {
    test(`is collected again: ${how}`, async (t) => {
      const at = await world(t)
      const receipt = await meanwhile(at, damage)
      assert.equal(receipt.error, null)
      assert.deepEqual(receipt.outcome, outcome({ deleted: 7, failed: 3 }))
      assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
      const text = await readFile(join(folderOf(at, receipt.id), 'failed.csv'), 'utf8')
      assert.deepEqual(text.match(/^003\w{15}/gm)?.sort(), FAILING.toSorted())
    })
  }

  test('is said to be lost where Salesforce has no results any more', async (t) => {
    const at = await world(t)
    const receipt = await meanwhile(at, async (parts) => {
      await rm(first(parts))
      for (const { id } of at.sandbox.referee.stats().jobs) await remove(at, id)
    })
    assert.equal(receipt.status, 'incomplete')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 7, failed: 3 }))
    assert.equal(receipt.error?.code, 'RESULTS_INCOMPLETE')
    assert.match(receipt.error?.message ?? '', /failed\.csv lists 2 of 3 rows/)
    assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 2 })
  })

  test('of rows that never were sent is listed again without Salesforce', async (t) => {
    const at = await world(t)
    const { store } = at
    const id = await submitIds(at, IDS)
    const deps = await plannerDeps(at)
    await planByHand(at, id, deps)
    await store.ledger.cancel(id, 'cancelled')
    // The first try to settle ends the chunks and then meets a store that is not there.
    const away = async () => {
      throw new ResultsStoreError('away')
    }
    const without = { ...deps, results: { ...deps.results, joinParts: away } }
    await assert.rejects(settleRequest(id, without, context()), ResultsStoreError)
    await rm(join(folderOf(at, id), 'parts'), { recursive: true })
    await at.startWorker()
    const receipt = await receiptOf(at, id)
    assert.deepEqual(receipt.outcome, outcome({ unprocessed: 10 }))
    assert.deepEqual(await provenFiles(at, receipt), { 'unprocessed.csv': 10 })
    assert.equal(receipt.error?.code, 'CANCELLED')
    const lines = await linesOf(at, id, 'unprocessed.csv')
    assert.deepEqual(lines?.toSorted(), IDS.toSorted())
  })
})

test('a settler that comes late leaves the files of whoever was first', async (t) => {
  const at = await world(t)
  const receipt = await meanwhile(at, async (_, id) => {
    const deps = await plannerDeps(at)
    const { joinParts } = deps.results
    let others = async () => {
      others = async () => {}
      await settleRequest(id, deps, context())
    }
    const late: typeof joinParts = async (...args) => {
      await others()
      return joinParts(...args)
    }
    await settleRequest(id, { ...deps, results: { ...deps.results, joinParts: late } }, context())
  })
  assert.equal(receipt.error, null)
  assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
  assert.deepEqual((await readdir(folderOf(at, receipt.id))).sort(), ['failed.csv', 'receipt.json'])
})

test('a settler that collects lost rows leaves the files of whoever was done before', async (t) => {
  const at = await world(t)
  const receipt = await meanwhile(at, async (parts, id) => {
    await rm(first(parts))
    const deps = await plannerDeps(at)
    const relist = async () => {
      await settleRequest(id, deps, context())
      return null
    }
    await settleRequest(id, { ...deps, relist }, context())
  })
  assert.equal(receipt.error?.code, 'RESULTS_INCOMPLETE')
  assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 2 })
})

describe('a folder that was used before', () => {
  /** What an earlier life of the id has left, in a ledger that is lost by now. */
  async function usedBefore(at: World, id: string, names: readonly string[]): Promise<void> {
    await mkdir(join(folderOf(at, id), 'parts'), { recursive: true })
    for (const name of names) await writeFile(join(folderOf(at, id), name), `old ${name}`)
  }

  const NAMES = ['receipt.json', 'failed.csv', 'invalid.csv', 'parts/0.1.failed.csv']

  test('is empty for the next request, and what lay there is kept until its own time', async (t) => {
    const at = await world(t, { sandbox: {} })
    await usedBefore(at, 'again-1', NAMES)
    await at.startWorker()
    const receipt = await deleteIds(at, IDS, { id: 'again-1' })
    assert.deepEqual(receipt.files, [])
    await filed(at)
    assert.deepEqual(await readdir(folderOf(at, 'again-1')), ['receipt.json'])
    const earlier = join(at.results, at.org, '.earlier')
    const [name = ''] = await readdir(earlier)
    for (const old of NAMES) {
      assert.equal(await readFile(join(earlier, name, old), 'utf8'), `old ${old}`)
    }
    const { keys } = at.store.ledger
    assert.notEqual(
      await at.store.redis.zscore(keys.folders(await storeOf(at)), `.earlier/${name}`),
      null,
    )
  })

  test('is empty for one that ends before it is planned', async (t) => {
    const at = await world(t)
    await usedBefore(at, 'again-2', NAMES)
    const id = await submitIds(at, IDS, { id: 'again-2' })
    await at.store.ledger.cancel(id, 'cancelled')
    await settleRequest(id, await plannerDeps(at), context())
    assert.deepEqual(await readdir(folderOf(at, id)), ['receipt.json'])
    assert.equal((await readdir(join(at.results, at.org, '.earlier'))).length, 1)
  })

  test('keeps what a planning attempt of the same request has written', async (t) => {
    const at = await world(t)
    const id = await submitIds(at, [...IDS, 'nonsense'])
    const deps = await plannerDeps(at)
    const dead = async () => {
      throw new Error('the worker died')
    }
    const results = { ...deps.results, writeReceipt: dead }
    await assert.rejects(planByHand(at, id, { ...deps, results }))
    await planByHand(at, id, deps)
    const record = await at.store.ledger.load(id)
    assert.ok(record?.receipt)
    assert.deepEqual(await provenFiles(at, record.receipt), { 'invalid.csv': 1 })
    assert.deepEqual((await readdir(folderOf(at, id))).sort(), ['invalid.csv', 'receipt.json'])
  })
})

describe('a results store that takes nothing', () => {
  test('holds up no request that has nothing to list, and gets its receipt later', async (t) => {
    const at = await world(t)
    const id = await submitIds(at, IDS, { dryRun: true })
    const deps = await plannerDeps(at)
    const full = async () => {
      throw new ResultsStoreError('ENOSPC')
    }
    await planByHand(at, id, { ...deps, results: { ...deps.results, writeReceipt: full } })
    const record = await at.store.ledger.load(id)
    assert.equal(record?.status, 'planned')
    assert.deepEqual(await at.store.ledger.unfiled(await storeOf(at)), [id.toLowerCase()])
    await sweep({ ...deps, intervalMs: 1 }, context())
    assert.deepEqual(await at.store.ledger.unfiled(await storeOf(at)), [])
    const text = await readFile(join(folderOf(at, id), 'receipt.json'), 'utf8')
    assert.deepEqual(JSON.parse(text), record?.receipt)
  })

  test('that is full lets the others go on, and all of them once there is room', async (t) => {
    const scope = inReverse((fn) => t.after(fn))
    const at = await world(scope)
    if ((await smallDisk(scope, at.results, 64 * 1024)) === null) return t.skip('no right to mount')
    await at.startWorker()
    const filler = join(at.results, 'filler')
    await writeFile(filler, Buffer.alloc(1024 * 1024)).catch(() => {})
    const listing = await submitIds(at, IDS)
    const clean = await deleteIds(at, ids18(10, 1000))
    assert.deepEqual(clean.outcome, outcome({ deleted: 10 }))
    assert.equal((await at.store.ledger.load(listing))?.status, 'deleting')
    await rm(filler)
    const receipt = await receiptOf(at, listing)
    assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
    await sweepUntilFiled(at)
    const text = await readFile(join(folderOf(at, clean.id), 'receipt.json'), 'utf8')
    assert.deepEqual(JSON.parse(text), clean)
  })

  test('that lost its mount gets nothing, and all of it once it is back', async (t) => {
    const at = await world(t)
    await at.startWorker()
    await deleteIds(at, ids18(1, 2000))
    await filed(at)
    const away = `${at.results}.away`
    await rename(at.results, away)
    await mkdir(at.results)
    const listing = await submitIds(at, IDS)
    const clean = await deleteIds(at, ids18(10, 1000))
    await at.sandbox.referee.until(({ jobsAtWork, jobs }) => jobs.length === 7 && jobsAtWork === 0)
    assert.deepEqual(await readdir(at.results), [])
    assert.equal((await at.store.ledger.load(listing))?.status, 'deleting')
    await rm(at.results, { recursive: true })
    await rename(away, at.results)
    const receipt = await receiptOf(at, listing)
    assert.equal(receipt.error, null)
    assert.deepEqual(await provenFiles(at, receipt), { 'failed.csv': 3 })
    await sweepUntilFiled(at)
    const text = await readFile(join(folderOf(at, clean.id), 'receipt.json'), 'utf8')
    assert.deepEqual(JSON.parse(text), clean)
  })
})

describe('result files', () => {
  test('leave with the record of their request, and no others do', async (t) => {
    const at = await world(t)
    const { redis: connection, ledger } = at.store
    const worker = await at.startWorker()
    const store = await storeOf(at)
    const [over, kept, again] = await Promise.all(
      ['Over', 'kept', 'again'].map((id) => deleteIds(at, IDS, { id })),
    )
    assert.ok(over && kept && again)
    await filed(at)
    await worker.stop()
    // Receipts that this ledger does not know: of one that was lost, or of another.
    await mkdir(folderOf(at, 'foreign'))
    for (const { id } of [over, again]) await connection.zadd(ledger.keys.folders(store), '1', id)
    await connection.del(ledger.keys.request(over.id), ledger.keys.sweeper)
    await sweep({ ...(await plannerDeps(at)), intervalMs: 1 }, context())
    assert.deepEqual(await readdir(join(at.results, at.org)), ['again', 'foreign', 'kept'])
    assert.deepEqual(await connection.zrange(ledger.keys.folders(store), '0', '-1'), ['kept'])
  })
})

test('result files that cannot be removed keep no others beyond their time', async (t) => {
  const at = await world(t)
  const { redis: connection, ledger } = at.store
  const deps = await plannerDeps(at)
  const due = ledger.keys.folders(deps.results.id)
  const stuck = Array.from({ length: 300 }, (_, n) => `stuck-${n}`)
  await connection.zadd(due, ...stuck.flatMap((name) => [1, name]), 2, 'old')
  await mkdir(folderOf(at, 'old'), { recursive: true })
  const remove: typeof deps.results.remove = async (org, name, isStillDue) => {
    if (name.startsWith('stuck')) throw new ResultsStoreError('not ours')
    return deps.results.remove(org, name, isStillDue)
  }
  const sweeping = { ...deps, results: { ...deps.results, remove } }
  for (let turns = 0; turns < 2; turns++) await removeDueFolders(sweeping, context())
  assert.deepEqual(await readdir(join(at.results, at.org)), [])
  const left = await connection.zrange(due, '0', '-1', 'WITHSCORES')
  assert.equal(left.length, 2 * stuck.length)
  const [now = 0] = (await connection.time()).map(Number)
  for (const [at, score] of left.entries()) assert.ok(at % 2 === 0 || Number(score) > now)
})

/** The id of its results store. */
const storeOf = async ({ results }: World) => (await openDirectory(results)).id

/** Resolves once nothing is left to be done in the results store. */
async function filed(at: World): Promise<void> {
  const results = await storeOf(at)
  while ((await at.store.ledger.unfiled(results)).length > 0) await pause()
}

/** The same where it takes a sweep. */
async function sweepUntilFiled(at: World): Promise<void> {
  const deps = await plannerDeps(at)
  while ((await at.store.ledger.unfiled(await storeOf(at))).length > 0) {
    await at.store.redis.del(at.store.ledger.keys.sweeper)
    await sweep({ ...deps, intervalMs: 1 }, context())
    await pause()
  }
}

async function remove({ config, org }: World, jobId: string): Promise<void> {
  const credentials = config.orgs.get(org)?.credentials
  assert.ok(credentials)
  const salesforce = createSalesforce({ credentials, apiVersion: '61.0', proxyEnv: {} })
  await salesforce.ingest.remove(jobId)
  salesforce.close()
}
