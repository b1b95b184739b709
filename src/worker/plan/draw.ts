import type { Context } from '../../shared/base/context.ts'
import { RefusedError } from '../../shared/base/errors.ts'
import type { OrgConfig } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { DeletableObject } from '../../shared/contract/objects.ts'
import type { Plan, ResultFile } from '../../shared/contract/receipt.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import { kindOf } from '../../shared/contract/sources/sources.ts'
import type { ResultsStore, ResultWriter } from '../../shared/results/results.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { idsOfJob } from '../ids/chunk-stager.ts'
import { openSource } from '../sources/open-source.ts'
import { Distinct } from './distinct.ts'
import { memoryGate } from './memory-gate.ts'
import { objectionTo } from './objection.ts'
import type { RefusedRow } from './refused-row.ts'
import { type ScanOptions, scan } from './scan.ts'
import { PlanStager, type StagedPlan } from './stage-plan.ts'
import { stillWanted } from './still-wanted.ts'

export interface DrawDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
  readonly org: OrgConfig
  /** Bytes that telling duplicates apart may take. */
  readonly maxPlanMemory: number
}

/** A day's allowance of Salesforce batches is 15,000, and every chunk costs at least one. */
const MOST_CHUNKS = 10_000

/** A plan as it was drawn from the source: staged, not yet in the ledger. */
export interface Draft extends StagedPlan {
  readonly plan: Plan
  /** The part of `invalid.csv`; null where no row was refused. */
  readonly invalid: ResultFile | null
  /** What stands against applying it, though the source was read to its end. */
  readonly objection: RefusedError | null
}

/**
 * Reads the source to its end: every row is checked, every id is told from the others and staged.
 *
 * @throws RefusedError of a guard rail that needs no more reading
 * @throws SourceError where the source cannot be read
 * @throws NoRoomError where it has to begin again later
 * @throws StoppedError where the request is to end before its time
 */
export async function draw(
  record: RequestRecord,
  guards: GuardRails,
  lot: string,
  deps: DrawDeps,
  ctx: Context,
): Promise<Draft> {
  const { request } = record
  const object = allowedObject(request, guards, deps.org.name)
  const source = openSource({ record, lot, store: deps.store, guards, signal: ctx.signal })
  const invalid = deps.results.partWriter({ org: deps.org.name, id: request.id }, 'invalid', lot)
  const limit = Math.min(request.maxRecords ?? guards.maxRecords, guards.maxRecords)
  const stager = new PlanStager(
    deps.store.staging,
    { request: request.id, lot },
    { job: idsOfJob(deps.org), plan: limit, canary: guards.canary },
  )
  const wanted = stillWanted(record, deps.store, ctx)
  const room = memoryGate(deps.store.redis, ctx)
  using distinct = new Distinct(deps)
  try {
    let read = 0
    let unchecked = 0
    let first: RefusedRow | undefined
    for await (const block of scan(source, scanOptions(request, object, guards))) {
      await wanted()
      read += block.count + block.refused.length
      first ??= block.refused[0]
      await writeRefused(block.refused, invalid)
      const before = distinct.size
      const kept = distinct.add(block)
      if (distinct.size > limit) throw tooMany(limit)
      unchecked += kept.unchecked
      await room(before * ID_LENGTH)
      await stager.write(kept.ids, ctx.signal)
      if (stager.chunks > MOST_CHUNKS) throw tooManyChunks()
    }
    const staged = await stager.end(ctx.signal)
    if (staged.jobs.length > MOST_CHUNKS) throw tooManyChunks()
    const file = await invalid.commit()
    const plan: Plan = {
      read,
      accepted: distinct.size,
      invalid: invalid.rows,
      duplicate: read - invalid.rows - distinct.size,
      unchecked,
      chunks: staged.jobs.length,
      sha256: await distinct.digest(),
    }
    const objection = objectionTo(plan, request, {
      firstRefused: first,
      caseDamage: await distinct.caseDamage(await deps.store.ledger.orgId()),
    })
    return { plan, ...staged, invalid: file, objection }
  } finally {
    await invalid.discard()
  }
}

function scanOptions(
  { source }: StoredRequest,
  object: DeletableObject,
  { objects }: GuardRails,
): ScanOptions {
  const column = 'column' in source ? { column: source.column } : {}
  const known = Object.entries(objects).map(([name, prefix]) => ({ name, prefix }))
  return { object, known, text: kindOf(source).text, ...column }
}

function allowedObject(
  { object, operation }: StoredRequest,
  { objects, hardDelete }: GuardRails,
  org: string,
): DeletableObject {
  const prefix = Object.hasOwn(objects, object) ? objects[object] : undefined
  if (prefix === undefined) {
    throw new RefusedError(
      'UNKNOWN_OBJECT',
      `Expected one of ${Object.keys(objects).join(', ')}, got ${object}. Other objects are added by configuration, and for an org that has guard rails by expunge policy --apply.`,
    )
  }
  if (operation === 'hardDelete' && !hardDelete) {
    throw new RefusedError(
      'HARD_DELETE_NOT_ALLOWED',
      `Org "${org}" does not allow hardDelete: records would be gone for good. Set hardDelete: true for it in the configuration file, and apply that by expunge policy --apply, to allow it.`,
    )
  }
  return { name: object, prefix }
}

async function writeRefused(rows: readonly RefusedRow[], writer: ResultWriter): Promise<void> {
  for (const { line, value, reason, detail } of rows) {
    writer.write([line, value, `${reason}: ${detail}`])
  }
  await writer.drain()
}

function tooMany(limit: number): RefusedError {
  return new RefusedError(
    'TOO_MANY_RECORDS',
    `The source holds more than ${limit} records, the most that this request may delete. Nothing was deleted. ` +
      'Split the source, or raise the limit (maxRecords, EXPUNGE_MAX_RECORDS).',
  )
}

function tooManyChunks(): RefusedError {
  return new RefusedError(
    'TOO_MANY_CHUNKS',
    `The plan needs more than ${MOST_CHUNKS} ingest jobs. Nothing was deleted. Allow more records to a job ` +
      '(EXPUNGE_MAX_JOB_RECORDS, EXPUNGE_MAX_JOB_BYTES), or split the source.',
  )
}
