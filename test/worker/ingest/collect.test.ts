import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { pino } from 'pino'
import { systemClock } from '../../../src/shared/base/clock.ts'
import { LaterError } from '../../../src/shared/base/context.ts'
import { NO_OUTCOME, type Outcome, totalOf } from '../../../src/shared/contract/receipt.ts'
import { openDirectory } from '../../../src/shared/results/directory/store.ts'
import { PART_KINDS, type PartKind } from '../../../src/shared/results/results-store.ts'
import { type FaultKind, SalesforceError } from '../../../src/shared/salesforce/errors.ts'
import type { IngestApi, IngestJobInfo } from '../../../src/shared/salesforce/ingest.ts'
import {
  type ChunkRef,
  chunkField,
  type IngestOrder,
} from '../../../src/shared/store/ledger/chunk.ts'
import { StagingError } from '../../../src/shared/store/staging/staging.ts'
import { collect } from '../../../src/worker/ingest/collect.ts'
import type { CollectedChunk, Collector } from '../../../src/worker/ingest/collector.ts'
import { jobFailureOf } from '../../../src/worker/ingest/job-report.ts'
import { relistChunk } from '../../../src/worker/ingest/relist.ts'
import { pieceSize, sendAgain } from '../../../src/worker/ingest/resend.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { id15, id18, ids18 } from '../../helpers/ids.ts'
import { memoryStaging } from '../../helpers/memory-staging.ts'

const folder = await mkdtemp(join(tmpdir(), 'expunge-collect-'))
after(() => rm(folder, { recursive: true }))
const results = await openDirectory(folder)
const ctx = {
  log: pino({ level: 'silent' }),
  clock: { ...systemClock, sleep: async () => {} },
  signal: new AbortController().signal,
}

/**
 * What Salesforce did with a row. Rows that are `missing` or `unprocessed` are in no result file and
 * in no counter, those that are `hidden` were deleted and those that are `unlisted` were gone; both
 * are counted, but in no file either.
 */
const FATES = [
  ...(['deleted', 'gone', 'locked', 'failed'] as const),
  ...(['missing', 'unprocessed', 'hidden', 'unlisted'] as const),
] as const
type Fate = (typeof FATES)[number]

/** Rows that no result file mentions. */
const UNTOLD: readonly Fate[] = ['hidden', 'unlisted', 'missing', 'unprocessed']

/** Jobs that carry an id at most, those left out that do not count. */
const MOST_ATTEMPTS = 5

/** How a job ended. */
const ENDS = [
  { state: 'JobComplete', errorMessage: null },
  { state: 'Aborted', errorMessage: null },
  { state: 'Failed', errorMessage: null },
  { state: 'Failed', errorMessage: 'TooManyLockFailure : gave up' },
  { state: 'Failed', errorMessage: 'Timeout : gave up' },
  { state: 'Failed', errorMessage: 'ExceededQuota : Daily batch limit exceeded' },
  { state: 'Failed', errorMessage: 'ClientInputError : unreadable' },
  { state: 'Failed', errorMessage: 'Unheard : of' },
] as const

interface Scene {
  readonly fates: readonly Fate[]
  /** Where chunks end. */
  readonly cuts: readonly number[]
  /** Of each chunk in turn. */
  readonly chunks: readonly Marks[]
  readonly end: (typeof ENDS)[number]
  readonly operation: 'delete' | 'hardDelete'
  /** An operator has aborted the job. */
  readonly excused: boolean
  readonly keepDeleted: boolean
  /** Bytes of a block of a result file. */
  readonly block: number
  /** Rows come in this order. */
  readonly seed: number
  /** Rows of ids that were never sent, and rows that come twice. */
  readonly strangers: number
  readonly repeated: boolean
}

interface Marks {
  readonly attempt: number
  readonly spared: number
  readonly doubt: boolean
  /** Its request is to end before its time. */
  readonly stopped: boolean
}

const marks: fc.Arbitrary<Marks> = fc.record({
  attempt: fc.integer({ min: 1, max: 6 }),
  spared: fc.nat(2),
  doubt: fc.boolean(),
  stopped: fc.boolean(),
})

const scenes: fc.Arbitrary<Scene> = fc.record({
  fates: fc.array(fc.constantFrom(...FATES), { minLength: 1, maxLength: 40 }),
  cuts: fc.array(fc.nat(40), { maxLength: 2 }),
  chunks: fc.array(marks, { minLength: 3, maxLength: 3 }),
  end: fc.constantFrom(...ENDS),
  operation: fc.constantFrom('delete', 'hardDelete'),
  excused: fc.boolean(),
  keepDeleted: fc.boolean(),
  block: fc.integer({ min: 1, max: 200 }),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  strangers: fc.nat(3),
  repeated: fc.boolean(),
})

const SOME = { attempt: 1, spared: 0, doubt: false, stopped: false }

function plain(scene: Partial<Scene>): Scene {
  return {
    ...{ fates: [], cuts: [], chunks: [SOME, SOME, SOME], end: ENDS[0], operation: 'delete' },
    ...{ excused: false, keepDeleted: false, block: 64, seed: 1, strangers: 0, repeated: false },
    ...scene,
  }
}

let requests = 0

describe('collecting results', () => {
  test('gives every id one verdict or sends it again, whatever became of it', async () => {
    await fc.assert(
      fc.asyncProperty(scenes, async (scene) => {
        const staged = stage(scene)
        const { job, order, collector, asked } = staged
        const collected = await collect(job, order, collector, ctx, { excused: scene.excused })
        assert.equal(collected.length, order.chunks.length)
        for (const [index, chunk] of collected.entries()) {
          const expected = expectedOf(scene, staged, index)
          await assertAccount(chunk, expected, staged)
        }
        const clean = scene.fates.every((fate) => fate === 'deleted')
        if (clean && job.state === 'JobComplete' && !scene.keepDeleted) assert.deepEqual(asked, [])
      }),
      { numRuns: runs(150) },
    )
  })

  test('again leaves the same parts and gives the same verdicts', async () => {
    await fc.assert(
      fc.asyncProperty(scenes, async (scene) => {
        const staged = stage(scene)
        const { job, order, collector } = staged
        const read = async () => {
          const chunks = await collect(job, order, collector, ctx, { excused: scene.excused })
          const parts = await Promise.all(
            chunks.flatMap((chunk) => PART_KINDS.map((kind) => partOf(chunk, kind))),
          )
          return {
            parts,
            // Lot, numbers and names are new, for nobody knows whether those of the first try are claimed.
            chunks: chunks.map(({ outcome: { resent, listed, ...outcome } }) => [
              ...[outcome, resent?.count],
              ...PART_KINDS.map((kind) => listed?.[kind]?.sha256),
            ]),
            again: await Promise.all(chunks.map((chunk) => resentIds(chunk, staged))),
          }
        }
        assert.deepEqual(await read(), await read())
      }),
      { numRuns: runs(25) },
    )
  })

  test('cuts what a failed job leaves into smaller pieces, none of them empty', async () => {
    const fates = Array.from({ length: 2000 }, (_, n) => (n % 7 === 0 ? 'deleted' : 'unprocessed'))
    const scene = plain({ fates: fates as Fate[], end: ENDS[3] })
    const staged = stage(scene)
    const [chunk] = await collect(staged.job, staged.order, staged.collector, ctx)
    assert.ok(chunk)
    const counts = chunk.again?.flatMap((order) => order.chunks.map(({ count }) => count))
    assert.deepEqual(counts, [500, 500, 500, 214])
    assert.equal(chunk.resend?.reason, 'lock')
  })

  test('keeps rows in doubt apart from rows that failed', async () => {
    const { chunk, resent } = await collectedOf([
      'locked',
      'missing',
      'locked',
      'missing',
      'deleted',
    ])
    assert.deepEqual(resent, [
      { doubt: false, ids: [id15(0), id15(2)] },
      { doubt: true, ids: [id15(1), id15(3)] },
    ])
    assert.equal(chunk.resend?.reason, 'missing')
  })

  test('does not doubt what no file lists where every counted deletion is listed', async () => {
    const { chunk, resent } = await collectedOf([
      'locked',
      'unlisted',
      'gone',
      'unlisted',
      'deleted',
    ])
    assert.deepEqual(resent, [{ doubt: false, ids: [id15(0), id15(1), id15(3)] }])
    assert.equal(chunk.resend?.reason, 'missing')
  })

  test('where counts add up trusts them, and downloads failures alone', async () => {
    const fates: Fate[] = ['deleted', 'failed', 'gone', 'locked', 'deleted']
    const { job, order, collector, asked } = stage(plain({ fates }))
    const [chunk] = await collect(job, order, collector, ctx)
    assert.deepEqual(chunk?.outcome.outcome, {
      ...{ deleted: 2, alreadyGone: 1, failed: 1, unprocessed: 0 },
    })
    assert.equal(chunk?.outcome.resent?.count, 1)
    assert.deepEqual(asked, ['failedResults'])
  })

  test('says in the outcome that Salesforce could not read what was sent', async () => {
    const { job, order, collector } = stage(plain({ fates: ['unprocessed'], end: ENDS[6] }))
    const [chunk] = await collect(job, order, collector, ctx)
    assert.equal(chunk?.outcome.error?.code, 'INGEST_JOB_FAILED')
    assert.match(chunk?.outcome.error?.message ?? '', /ClientInputError : unreadable/)
    assert.deepEqual(chunk?.outcome.outcome, { ...NO_OUTCOME, unprocessed: 1 })
  })

  test('without the ids that were sent gives no verdict at all', async () => {
    const { job, order, collector } = stage(plain({ fates: ['deleted', 'failed'] }))
    const staging = { ...collector.staging, read: () => blocks('', 1) }
    await assert.rejects(collect(job, order, { ...collector, staging }, ctx), StagingError)
  })

  test('finds ids by the echoed column, in whatever case its name and order come', async () => {
    const { job, order, collector } = stage(plain({ fates: ['failed', 'deleted'] }))
    const text = `ID,sf__Error,sf__Id\r\n${id15(0)},DELETE_FAILED:x,\r\n`
    const api = { ...collector.api, failedResults: () => blocks(text, 5) }
    const [chunk] = await collect(job, order, { ...collector, api }, ctx)
    assert.deepEqual(chunk?.outcome.failures, { DELETE_FAILED: 1 })
  })
})

describe('listing the rows of a chunk again', () => {
  test('comes to what was listed first, whatever became of them', async () => {
    await fc.assert(
      fc.asyncProperty(scenes, async (scene) => {
        const { job, order, collector } = stage(scene)
        const collected = await collect(job, order, collector, ctx, { excused: scene.excused })
        for (const chunk of collected) {
          const { listed, ...outcome } = chunk.outcome
          const again = await relisted(chunk, order, collector)
          assert.equal(again === null, listed === undefined)
          const rows = (outcomes: CollectedChunk) =>
            Promise.all(PART_KINDS.map(async (kind) => (await partOf(outcomes, kind)).sort()))
          const mended = again === null ? outcome : { ...outcome, listed: again }
          assert.deepEqual(await rows({ ...chunk, outcome: mended }), await rows(chunk))
        }
      }),
      { numRuns: runs(150) },
    )
  })

  test('believes nothing that comes to other counts', async () => {
    const { job, order, collector } = stage(plain({ fates: ['failed', 'failed', 'deleted'] }))
    const [chunk] = await collect(job, order, collector, ctx)
    assert.ok(chunk)
    const api = { ...collector.api, failedResults: () => blocks('Id,sf__Error\n', 5) }
    assert.equal(await relisted(chunk, order, { ...collector, api }), null)
  })

  test('is not possible without the results, or without the ids that were sent', async () => {
    const { job, order, collector } = stage(plain({ fates: ['failed', 'deleted'] }))
    const [chunk] = await collect(job, order, collector, ctx)
    assert.ok(chunk)
    const gone = async () => {
      throw fault('not-found')
    }
    const api = { ...collector.api, get: gone }
    assert.equal(await relisted(chunk, order, { ...collector, api }), null)
    const staging = { ...collector.staging, read: () => blocks('', 1) }
    assert.equal(await relisted(chunk, order, { ...collector, staging }), null)
  })

  test('waits for an org that does not answer, as long as it asks', async () => {
    const { job, order, collector } = stage(plain({ fates: ['failed', 'deleted'] }))
    const [chunk] = await collect(job, order, collector, ctx)
    assert.ok(chunk)
    const away = async () => {
      throw fault('org-fault', 3_600_000)
    }
    const api = { ...collector.api, get: away }
    await assert.rejects(
      relisted(chunk, order, { ...collector, api }),
      (error) => error instanceof LaterError && error.afterMs === 3_600_000,
    )
  })
})

function relisted({ ref, outcome }: CollectedChunk, order: IngestOrder, collector: Collector) {
  const pauseState = async () => ({ operator: null, fault: null })
  const relister = { ...collector, ledger: { ...collector.ledger, pauseState } }
  const request = { ...order, id: ref.request }
  return relistChunk(request, { field: chunkField(ref), outcome }, relister, ctx)
}

function fault(kind: FaultKind, retryAfterMs: number | null = null): SalesforceError {
  const operation = 'get' as const
  const fields = { code: 'HTTP_404', httpStatus: 404, transient: false, retryAfterMs }
  return new SalesforceError({ kind, operation, ...fields }, 'so the test has it')
}

describe('a job that has vanished', () => {
  const JOB = { id: '7505f0000000001AAA', state: 'Vanished' }
  const vanished = {
    reason: 'vanished',
    job: JOB,
    error: { code: 'JOB_VANISHED', message: 'Nobody knows.' },
  } as const

  test('leaves chunks that go again whole and in doubt, unless they are at their end', async () => {
    const chunks = [
      { ...SOME, attempt: 2 },
      { ...SOME, attempt: MOST_ATTEMPTS },
      { ...SOME, stopped: true },
    ]
    const fates = FATES.flatMap((fate) => [fate, fate])
    const staged = stage(plain({ fates, cuts: [4, 8], chunks }))
    const { order, collector } = staged
    const collected = await sendAgain(order, vanished, collector, ctx)
    for (const ref of order.chunks) {
      const chunk = collected.find((other) => other.ref === ref)
      assert.ok(chunk)
      assert.deepEqual(chunk.outcome.job, { ...JOB, records: ref.count, attempt: ref.attempt })
      const goes = ref.attempt === 2
      assert.equal(chunk.outcome.outcome.unprocessed, goes ? 0 : ref.count)
      assert.equal(chunk.outcome.error?.code, goes ? undefined : 'JOB_VANISHED')
      assert.deepEqual(chunk.outcome.resent, goes ? { lot: ref.lot, count: ref.count } : undefined)
      const next = { ...ref, attempt: 3, doubt: true }
      assert.deepEqual(
        chunk.again?.flatMap((other) => other.chunks),
        goes ? [next] : undefined,
      )
      const ids = staged.idsOf(ref)
      assert.deepEqual(await partOf(chunk, 'unprocessed'), goes ? [] : ids)
    }
  })

  test('leaves no verdict of a collection that broke off', async () => {
    const { job, order, collector } = stage(plain({ fates: ['failed', 'deleted'] }))
    const [before] = await collect(job, order, collector, ctx)
    assert.equal(before?.outcome.listed?.failed?.rows, 1)
    const [after] = await sendAgain(order, vanished, collector, ctx)
    assert.equal(after?.outcome.listed, undefined)
  })
})

/** What is to become of the ids of one chunk, by the rules. */
interface Expected {
  readonly verdicts: Outcome
  readonly parts: Readonly<Record<'failed' | 'unprocessed' | 'deleted', readonly string[]>>
  /** Canonical ids that go again. */
  readonly again: { readonly certain: readonly string[]; readonly inDoubt: readonly string[] }
  readonly spendsNone: boolean
  readonly size: number
  readonly error: string | null
}

function expectedOf(scene: Scene, { job, order, rowsOf }: Staged, index: number): Expected {
  const { end, operation, keepDeleted } = scene
  const ref = order.chunks[index]
  const mark = scene.chunks[index]
  assert.ok(ref && mark)
  const failure = end.state === 'Failed' ? (jobFailureOf(end.errorMessage) ?? 'other') : null
  const isLast = ref.attempt - (ref.excused ?? 0) >= MOST_ATTEMPTS
  const isWhole = job.state === 'JobComplete' && job.numberRecordsProcessed === scene.fates.length
  const isRead = job.numberRecordsFailed !== 0 || keepDeleted
  // Strangers show that a file is not to be trusted, but only where it is read.
  const has = (fate: Fate) => scene.fates.includes(fate)
  const isOdd = isRead && scene.strangers > 0
  const isTold = isWhole && !keepDeleted && !isOdd && !has('unlisted')
  const isDoubtful =
    has('hidden') ||
    (job.state === 'JobComplete' && !isWhole) ||
    (has('unlisted') && scene.strangers > 0)
  const rows = rowsOf(ref)
  const share = (fates: readonly Fate[]) =>
    rows.filter(({ fate }) => fates.includes(fate)).length / rows.length
  const gains = 1 - share(['locked']) - (isTold ? 0 : share(UNTOLD)) >= 0.1 - 1e-9
  const spendsNone = scene.excused || failure === 'quota' || gains
  const hasTries = failure !== 'input' && (spendsNone || !isLast)
  const goesAgain = hasTries && !mark.stopped
  const parts: Record<'failed' | 'unprocessed' | 'deleted', string[]> = {
    ...{ failed: [], unprocessed: [], deleted: [] },
  }
  const verdicts: Record<keyof Outcome, number> = { ...NO_OUTCOME }
  const again: { certain: string[]; inDoubt: string[] } = { certain: [], inDoubt: [] }
  const failed = (id: string, line: string) => {
    verdicts.failed++
    parts.failed.push(`${id},${line}`)
  }
  const deleted = (id: string) => {
    verdicts.deleted++
    if (keepDeleted) parts.deleted.push(id)
  }
  const unprocessed = (id: string) => {
    verdicts.unprocessed++
    parts.unprocessed.push(id)
  }
  const resend = (id: string, inDoubt: boolean) =>
    again[inDoubt ? 'inDoubt' : 'certain'].push(id.slice(0, 15))
  for (const { id, fate } of rows) {
    switch (fate) {
      case 'deleted':
        deleted(id)
        break
      case 'gone':
        if (operation === 'hardDelete') failed(id, 'ENTITY_IS_DELETED,entity is deleted:--')
        else if (mark.doubt) deleted(id)
        else verdicts.alreadyGone++
        break
      case 'failed':
        failed(id, 'DELETE_FAILED,"no, ""never"":--"')
        break
      case 'locked':
        if (goesAgain) resend(id, mark.doubt)
        else if (hasTries) unprocessed(id)
        else failed(id, 'UNABLE_TO_LOCK_ROW,UNABLE_TO_LOCK_ROW:busy:--')
        break
      case 'hidden':
      case 'missing':
      case 'unlisted':
      case 'unprocessed':
        if (isTold) deleted(id)
        else if (goesAgain) resend(id, mark.doubt || isDoubtful)
        else unprocessed(id)
        break
      default:
        throw new TypeError(`Unknown fate ${String(fate satisfies never)}`)
    }
  }
  const left = isTold ? 0 : rows.filter(({ fate }) => UNTOLD.includes(fate)).length
  const isLeft = left > 0 && !goesAgain
  const passing = hasTries ? rows.filter(({ fate }) => fate === 'locked').length : 0
  const stays =
    rows.length - rows.filter(({ fate }) => UNTOLD.includes(fate)).length > passing || isLeft
  const doubts = scene.strangers > 0 || (isLeft && (has('hidden') || has('unlisted')))
  const contradicts = (isRead || !isWhole) && doubts && stays
  const error =
    failure === 'input' ? 'INGEST_JOB_FAILED' : contradicts ? 'RESULTS_CONTRADICT' : null
  return { verdicts, parts, again, spendsNone, error, size: pieceSize(failure, ref.count) }
}

async function assertAccount(chunk: CollectedChunk, expected: Expected, staged: Staged) {
  const { ref, outcome } = chunk
  const { again, spendsNone, size } = expected
  assert.deepEqual(outcome.outcome, expected.verdicts)
  const going = [...again.certain, ...again.inDoubt]
  assert.equal(totalOf(outcome.outcome) + going.length, ref.count)
  assert.equal(outcome.error?.code ?? null, expected.error)
  const { job } = staged
  assert.deepEqual(outcome.job, {
    ...{ id: job.id, state: job.state, records: ref.count, attempt: ref.attempt },
  })
  for (const kind of PART_KINDS) {
    const rows = await partOf(chunk, kind)
    assert.deepEqual(rows.sort(), expected.parts[kind].toSorted())
    assert.equal(outcome.listed?.[kind]?.rows ?? 0, rows.length)
  }
  const resent = await resentIds(chunk, staged)
  const idsIn = (doubt: boolean) =>
    resent.filter((one) => one.doubt === doubt).flatMap(({ ids }) => ids)
  assert.deepEqual(idsIn(false).sort(), again.certain.toSorted())
  assert.deepEqual(idsIn(true).sort(), again.inDoubt.toSorted())
  assert.ok(
    resent.length <=
      Math.ceil(again.certain.length / size) + Math.ceil(again.inDoubt.length / size),
  )
  assert.equal(outcome.resent?.count, going.length === 0 ? undefined : going.length)
  assert.equal(chunk.resend === undefined, going.length === 0)
  for (const { chunks, ...order } of chunk.again ?? []) {
    const [next] = chunks
    assert.ok(next && chunks.length === 1)
    const { operation, object, priority } = staged.order
    const name = `${ref.request}.${chunkField(next)}`
    assert.deepEqual(order, { order: name, operation, object, priority })
    assert.equal(next.request, ref.request)
    assert.equal(next.lot, outcome.resent?.lot)
    assert.ok(next.count >= 1 && next.count <= size, `${next.count} of at most ${size}`)
    assert.equal(next.attempt, ref.attempt + 1)
    assert.equal(next.excused ?? 0, (ref.excused ?? 0) + (spendsNone ? 1 : 0))
  }
}

/** What each chunk that goes again holds in staging; its count and digest are those of its ids. */
async function resentIds({ again = [] }: CollectedChunk, { collector }: Staged) {
  const all = []
  const names = new Set<string>()
  for (const { chunks, order } of again) {
    for (const ref of chunks) {
      const bytes = Buffer.concat(await Array.fromAsync(collector.staging.read(ref, ref.chunk)))
      const ids = bytes.toString().match(/.{15}/g) ?? []
      assert.equal(ids.length, ref.count)
      assert.equal(createHash('sha256').update(bytes).digest('hex'), ref.sha256)
      all.push({ doubt: ref.doubt === true, ids })
    }
    assert.ok(!names.has(order), `${order} is there twice`)
    names.add(order)
  }
  return all
}

/** A chunk of rows with these fates, collected, and what goes again of it. */
async function collectedOf(fates: readonly Fate[]) {
  const staged = stage(plain({ fates }))
  const [chunk] = await collect(staged.job, staged.order, staged.collector, ctx)
  assert.ok(chunk)
  return { chunk, resent: await resentIds(chunk, staged) }
}

type Staged = ReturnType<typeof stage>

/** A terminal job, its order, and what there is to collect from. */
function stage(scene: Scene) {
  const { fates, keepDeleted, block, operation } = scene
  const asked: string[] = []
  const { staging, put } = memoryStaging()
  const chunks = chunksOf(scene)
  for (const { ref, ids } of chunks) put(ref, ref.chunk, ids.map((id) => id.slice(0, 15)).join(''))
  const rows = (kind: readonly Fate[], toRow: (id: string, fate: Fate) => string) => {
    const own = fates.flatMap((fate, n) => (kind.includes(fate) ? [toRow(id18(n), fate)] : []))
    const twice = scene.repeated ? own.slice(0, 1) : []
    const others = ids18(scene.strangers, 100_000).map((id) => toRow(id, kind[0] ?? 'failed'))
    return shuffled([...own, ...twice, ...others], scene.seed)
  }
  const files = {
    failedResults: [
      '"sf__Id","sf__Error",Id',
      ...rows(['gone', 'locked', 'failed'], (id, fate) => `"","${errorOf(fate)}","${id}"`),
    ],
    successfulResults: [
      '"sf__Id","sf__Created",Id',
      ...rows(['deleted'], (id) => `"${id}","false","${id}"`),
    ],
  }
  const file = (name: keyof typeof files) => () => {
    asked.push(name)
    return blocks(`${files[name].join('\n')}\n`, block)
  }
  let next = 1000
  const stopped = new Set(chunks.filter(({ mark }) => mark.stopped).map(({ ref }) => ref.request))
  const collector: Collector = {
    org: 'org',
    api: {
      ...NOTHING,
      get: async () => jobOf(scene),
      failedResults: file('failedResults'),
      successfulResults: file('successfulResults'),
    },
    ledger: {
      numberChunks: async ({ count }) => {
        next += count
        return next - count
      },
      stopReasons: async (ids) => ids.map((id) => (stopped.has(id) ? 'cancelled' : null)),
    },
    staging,
    results,
    keepDeleted: new Set(keepDeleted ? chunks.map(({ ref }) => ref.request) : []),
    resendMs: 1,
  }
  const order: IngestOrder = {
    ...{ order: `order-${requests}`, object: 'Contact', operation, priority: 'normal' },
    chunks: chunks.map(({ ref }) => ref),
  }
  const rowsOf = (ref: ChunkRef) => {
    const chunk = chunks.find((other) => other.ref === ref)
    return (chunk?.ids ?? []).map((id, k) => {
      const fate = fates[(chunk?.from ?? 0) + k]
      assert.ok(fate)
      return { id, fate }
    })
  }
  const idsOf = (ref: ChunkRef) => rowsOf(ref).map(({ id }) => id)
  return { job: jobOf(scene), order, collector, asked, rowsOf, idsOf }
}

function errorOf(fate: Fate): string {
  switch (fate) {
    case 'gone':
      return 'ENTITY_IS_DELETED:entity is deleted:--'
    case 'locked':
      return 'UNABLE_TO_LOCK_ROW:busy:--'
    default:
      return 'DELETE_FAILED:no, ""never"":--'
  }
}

/** Each chunk is of a request of its own, as in an ingest job that several share. */
function chunksOf({ fates, cuts, chunks }: Scene) {
  const ends = [...new Set([...cuts.filter((cut) => cut > 0 && cut < fates.length), fates.length])]
  let from = 0
  return ends
    .sort((a, b) => a - b)
    .map((end, index) => {
      const ids = ids18(end - from, from)
      const mark = chunks[index] ?? SOME
      const { attempt, spared, doubt } = mark
      const excused = Math.min(spared, attempt - 1)
      const ref: ChunkRef = {
        ...{ request: `r${++requests}`, lot: 'p', chunk: index, attempt, count: ids.length },
        ...{ sha256: digestOf(ids), ...(excused > 0 ? { excused } : {}) },
        ...(doubt ? { doubt } : {}),
      }
      const chunk = { from, ids, ref, mark }
      from = end
      return chunk
    })
}

function digestOf(ids: readonly string[]): string {
  const canonical = ids.map((id) => id.slice(0, 15)).join('')
  return createHash('sha256').update(canonical).digest('hex')
}

function jobOf({ fates, end, operation }: Scene): IngestJobInfo {
  const count = (...which: Fate[]) => fates.filter((fate) => which.includes(fate)).length
  return {
    ...{ id: '7505f0000000001AAA', ...end, object: 'Contact', operation },
    systemModstamp: null,
    numberRecordsProcessed: count('deleted', 'gone', 'locked', 'failed', 'hidden', 'unlisted'),
    numberRecordsFailed: count('gone', 'locked', 'failed', 'unlisted'),
  }
}

/** The rows of a part; its header is that of the file it becomes. */
async function partOf({ ref, outcome }: CollectedChunk, kind: PartKind): Promise<string[]> {
  const part = outcome.listed?.[kind]
  if (part === undefined) return []
  const text = await readFile(join(folder, 'org', ref.request, 'parts', part.name), 'utf8')
  const sha256 = createHash('sha256').update(text).digest('hex')
  assert.deepEqual(
    { bytes: Buffer.byteLength(text), sha256 },
    { bytes: part.bytes, sha256: part.sha256 },
  )
  return text.split('\n').slice(1, -1)
}

async function* blocks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function shuffled<T>(values: readonly T[], seed: number): T[] {
  let state = seed
  const keyed = values.map((value) => {
    state = (state * 48_271) % 2_147_483_647
    return { value, key: state }
  })
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value)
}

function never(): never {
  throw new Error('not to be called')
}
const NOTHING: IngestApi = {
  ...{ create: never, upload: never, close: never, abort: never, get: never, remove: never },
  ...{ failedResults: never, successfulResults: never, unprocessedRecords: never },
}
