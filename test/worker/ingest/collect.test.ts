import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { systemClock } from '../../../src/shared/clock.ts'
import { type ChunkRef, chunkField, type IngestOrder } from '../../../src/shared/ledger/record.ts'
import { addOutcomes, NO_OUTCOME, totalOf } from '../../../src/shared/receipt.ts'
import { openResultsStore } from '../../../src/shared/results.ts'
import type { IngestApi, IngestJobInfo } from '../../../src/shared/salesforce/ingest.ts'
import { StagingError } from '../../../src/shared/staging.ts'
import { type Collector, collect } from '../../../src/worker/ingest/collect.ts'
import { id15, id18, ids18 } from '../../helpers/ids.ts'

const folder = await mkdtemp(join(tmpdir(), 'expunge-collect-'))
after(() => rm(folder, { recursive: true }))
const results = await openResultsStore(folder)
const ctx = {
  log: pino({ level: 'silent' }),
  clock: systemClock,
  signal: new AbortController().signal,
}

/** What Salesforce did with a row. */
type Fate = 'deleted' | 'gone' | 'failed' | 'missing' | 'unprocessed'
const FATES: readonly Fate[] = ['deleted', 'gone', 'failed', 'missing', 'unprocessed']

interface Scene {
  readonly fates: readonly Fate[]
  /** Where chunks end. */
  readonly cuts: readonly number[]
  readonly state: string
  readonly keepDeleted: boolean
  /** Bytes of a block of a result file. */
  readonly block: number
  /** Rows come in this order. */
  readonly seed: number
  /** Rows of ids that were never sent, and rows that come twice. */
  readonly strangers: number
  readonly repeated: boolean
}

const scenes: fc.Arbitrary<Scene> = fc.record({
  fates: fc.array(fc.constantFrom(...FATES), { minLength: 1, maxLength: 40 }),
  cuts: fc.array(fc.nat(40), { maxLength: 2 }),
  state: fc.constantFrom('JobComplete', 'Failed', 'Aborted'),
  keepDeleted: fc.boolean(),
  block: fc.integer({ min: 1, max: 200 }),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  strangers: fc.nat(3),
  repeated: fc.boolean(),
})

describe('collecting results', () => {
  test('gives every id the verdict that Salesforce gave it, and each one verdict', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(scenes, async (scene) => {
        const { job, order, collector, asked } = stage(scene, `run-${run++}`)
        const collected = await collect(job, order, collector, ctx)
        const sum = collected.reduce(
          (all, { outcome }) => addOutcomes(all, outcome.outcome),
          NO_OUTCOME,
        )
        for (const { ref, outcome } of collected) {
          assert.equal(totalOf(outcome.outcome), ref.count)
          assert.deepEqual(outcome.job, {
            ...{ id: job.id, state: job.state, records: ref.count, attempt: 1 },
          })
        }
        const of = (...fates: Fate[]) =>
          scene.fates.flatMap((fate, n) => (fates.includes(fate) ? [id18(n)] : []))
        assert.deepEqual(sum, {
          deleted: of('deleted').length,
          alreadyGone: of('gone').length,
          failed: of('failed').length,
          unprocessed: of('missing', 'unprocessed').length,
        })
        const listed = async (kind: string) =>
          (await Promise.all(order.chunks.map((ref) => partOf(ref, kind)))).flat().sort()
        assert.deepEqual(
          await listed('failed'),
          of('failed')
            .map((id) => `${id},DELETE_FAILED,"no, ""never"":--"`)
            .sort(),
        )
        assert.deepEqual(await listed('unprocessed'), of('missing', 'unprocessed').sort())
        assert.deepEqual(await listed('deleted'), scene.keepDeleted ? of('deleted').sort() : [])
        const clean = of('deleted').length === scene.fates.length && job.state === 'JobComplete'
        if (clean && !scene.keepDeleted) assert.deepEqual(asked, [])
      }),
      { numRuns: 100 },
    )
  })

  test('where counts add up trusts them, and downloads failures alone', async () => {
    const fates: Fate[] = ['deleted', 'failed', 'gone', 'deleted']
    const { job, order, collector, asked } = stage(plain({ fates }), 'counts')
    const [chunk] = await collect(job, order, collector, ctx)
    assert.deepEqual(chunk?.outcome.outcome, {
      ...{ deleted: 2, alreadyGone: 1, failed: 1, unprocessed: 0 },
    })
    assert.deepEqual(asked, ['failedResults'])
  })

  test('again writes the same files again', async () => {
    const fates: Fate[] = ['deleted', 'failed', 'unprocessed', 'failed']
    const scene = plain({ fates, state: 'Failed' })
    const { job, order, collector } = stage(scene, 'again')
    const once = await collect(job, order, collector, ctx)
    const [ref] = order.chunks
    assert.ok(ref)
    const before = await partOf(ref, 'failed')
    assert.deepEqual(await collect(job, order, collector, ctx), once)
    assert.deepEqual(await partOf(ref, 'failed'), before)
  })

  test('without the ids that were sent gives no verdict at all', async () => {
    const scene = plain({ fates: ['deleted', 'failed'] })
    const { job, order, collector } = stage(scene, 'lost')
    const staging = { ...collector.staging, read: () => blocks('', 1) }
    await assert.rejects(collect(job, order, { ...collector, staging }, ctx), StagingError)
  })

  test('finds ids by the echoed column, in whatever case its name and order come', async () => {
    const { job, order, collector } = stage(plain({ fates: ['failed', 'deleted'] }), 'columns')
    const text = `ID,sf__Error,sf__Id\r\n${id15(0)},DELETE_FAILED:x,\r\n`
    const api = { ...collector.api, failedResults: () => blocks(text, 5) }
    const [chunk] = await collect(job, order, { ...collector, api }, ctx)
    assert.deepEqual(chunk?.outcome.failures, { DELETE_FAILED: 1 })
  })
})

function plain(scene: Partial<Scene>): Scene {
  return {
    ...{ fates: [], cuts: [], state: 'JobComplete', keepDeleted: false },
    ...{ block: 64, seed: 1, strangers: 0, repeated: false },
    ...scene,
  }
}

/** A terminal job, its order, and what there is to collect from. */
function stage(scene: Scene, request: string) {
  const { fates, keepDeleted, block } = scene
  const asked: string[] = []
  const chunks = chunksOf(scene, request)
  const rows = (kind: readonly Fate[], toRow: (id: string, fate: Fate) => string) => {
    const own = fates.flatMap((fate, n) => (kind.includes(fate) ? [toRow(id18(n), fate)] : []))
    const twice = scene.repeated ? own.slice(0, 1) : []
    const others = ids18(scene.strangers, 1000).map((id) => toRow(id, kind[0] ?? 'failed'))
    return shuffled([...own, ...twice, ...others], scene.seed)
  }
  const errors = {
    gone: 'ENTITY_IS_DELETED:entity is deleted:--',
    failed: 'DELETE_FAILED:no, ""never"":--',
  }
  const files = {
    failedResults: [
      '"sf__Id","sf__Error",Id',
      ...rows(
        ['gone', 'failed'],
        (id, fate) => `"","${fate === 'gone' ? errors.gone : errors.failed}","${id}"`,
      ),
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
  const collector: Collector = {
    org: 'org',
    api: {
      ...NOTHING,
      failedResults: file('failedResults'),
      successfulResults: file('successfulResults'),
    },
    staging: {
      ...NO_STAGING,
      read: (_lot, chunk) =>
        blocks(chunks[chunk]?.ids.map((id) => id.slice(0, 15)).join('') ?? '', 150),
    },
    results,
    keepDeleted,
  }
  const order: IngestOrder = {
    ...{ order: `${request}.0.1`, object: 'Contact', operation: 'delete', priority: 'normal' },
    chunks: chunks.map(({ ref }) => ref),
  }
  return { job: jobOf(scene), order, collector, asked }
}

function chunksOf({ fates, cuts }: Scene, request: string): { ref: ChunkRef; ids: string[] }[] {
  const ends = [...new Set([...cuts.filter((cut) => cut > 0 && cut < fates.length), fates.length])]
  let from = 0
  return ends
    .sort((a, b) => a - b)
    .map((end, chunk) => {
      const ids = ids18(end - from, from)
      from = end
      const sha256 = 'a'.repeat(64)
      return { ids, ref: { request, lot: 'p', chunk, attempt: 1, count: ids.length, sha256 } }
    })
}

/** As Salesforce counts: rows that it never came to, or did not record, are in no counter. */
function jobOf({ fates, state }: Scene): IngestJobInfo {
  const count = (...which: Fate[]) => fates.filter((fate) => which.includes(fate)).length
  return {
    ...{ id: '7505f0000000001AAA', state, object: 'Contact', operation: 'delete' },
    ...{ createdDate: null, systemModstamp: null, retries: 0, totalProcessingTime: 0 },
    ...{ apiActiveProcessingTime: 0, apexProcessingTime: 0, errorMessage: null },
    numberRecordsProcessed: count('deleted', 'gone', 'failed'),
    numberRecordsFailed: count('gone', 'failed'),
  }
}

/** The rows of a part; its header is that of the file it becomes. */
async function partOf(ref: ChunkRef, kind: string): Promise<string[]> {
  const path = join(folder, 'org', ref.request, 'parts', `${chunkField(ref)}.${kind}.csv`)
  const text = await readFile(path, 'utf8').catch(() => '')
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

const never = () => {
  throw new Error('not to be called')
}
const NOTHING: IngestApi = {
  ...{ create: never, upload: never, close: never, abort: never, get: never, remove: never },
  ...{ failedResults: never, successfulResults: never, unprocessedRecords: never },
}
const NO_STAGING = { write: never, read: never, drop: never, lots: never }
