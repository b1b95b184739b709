import type { Context } from '../../shared/base/context.ts'
import type { RefusedError } from '../../shared/base/errors.ts'
import type { OrgConfig } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import { watchOf } from '../../shared/contract/preflight.ts'
import type { Plan, ResultFile } from '../../shared/contract/receipt.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import { hasExcept } from '../../shared/contract/sources/lists.ts'
import type { ResultWriter } from '../../shared/results/csv.ts'
import type { ResultsStore } from '../../shared/results/results-store.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import { idsOfJob } from '../ids/delete-csv.ts'
import { Distinct } from './distinct.ts'
import { InvalidExceptError } from './except.ts'
import { allowedObject, assertChunks, assertRecords, refusalOf } from './guards.ts'
import { waitsForMemory } from './memory.ts'
import { prefixesOf, withPrefix } from './object.ts'
import { SAMPLED } from './preflight.ts'
import { type NamedRow, type ReadingDeps, readLists } from './read-lists.ts'
import { Sample } from './sample.ts'
import { PlanStager, type StagedPlan } from './stage-plan.ts'

export interface DraftDeps extends ReadingDeps {
  readonly results: ResultsStore
  readonly org: OrgConfig
}

/** What reading the source came to. A plan is staged, but not yet in the ledger. */
type Draft = {
  /** The part of `invalid.csv`; null if no row was refused. */
  readonly invalid: ResultFile | null
} & (
  | (StagedPlan & {
      readonly plan: Plan
      /** Ids spread over the plan, of an object whose records have a state. */
      readonly sample: readonly Uint8Array[]
      /** Why it is not applied although the source was read to its end; null if it is applied. */
      readonly refusal: RefusedError | null
    })
  | { readonly plan: null; readonly refusal: RefusedError }
)

/**
 * Reads the source to its end: checks every row, removes duplicates and stages every id.
 *
 * @throws RefusedError from a guard rail that needs no further reading
 * @throws SourceError if the source cannot be read
 * @throws NoMemoryError, LaterError if planning has to start again later
 */
export async function draftPlan(
  record: RequestRecord,
  guards: GuardRails,
  lot: string,
  deps: DraftDeps,
  ctx: Context,
): Promise<Draft> {
  const { request } = record
  const taken = record.takes?.plan
  const object = await withPrefix(allowedObject(request, guards, deps.org.name), deps, ctx)
  const known = await prefixesOf(guards, deps.store)
  const invalid = deps.results.partWriter({ org: deps.org.name, id: request.id }, 'invalid', lot)
  const limit = Math.min(request.maxRecords ?? guards.maxRecords, guards.maxRecords)
  const stager = new PlanStager(
    deps.store.staging,
    { request: request.id, lot },
    { job: idsOfJob(deps.org), plan: limit, canary: guards.canary },
  )
  const memory = waitsForMemory(deps.store.redis, ctx)
  using distinct = new Distinct(deps)
  const sample = watchOf(object.name) === undefined ? null : new Sample(SAMPLED)
  try {
    let [read, excluded, unchecked] = [0, 0, 0]
    let first: NamedRow | undefined
    const refuse = (rows: readonly NamedRow[]) => writeRefused(rows, invalid)
    const attempt = { record, guards, lot, object, known, deps, ctx }
    for await (const block of readLists(attempt, { distinct, refuse })) {
      read += block.count + block.refused.length + block.excluded
      excluded += block.excluded
      first ??= block.refused[0]
      await refuse(block.refused)
      const before = distinct.size
      const kept = distinct.add(block)
      assertRecords(distinct.size, limit)
      unchecked += kept.unchecked
      await memory(before * ID_LENGTH)
      sample?.add(kept.ids)
      await stager.write(kept.ids, ctx.signal)
      assertChunks(stager.chunks)
    }
    const staged = await stager.end(ctx.signal)
    assertChunks(staged.jobs.length)
    const file = await invalid.commit()
    const plan: Plan = {
      read,
      accepted: distinct.size,
      invalid: invalid.rows,
      duplicate: read - invalid.rows - excluded - distinct.size,
      ...(hasExcept(request.source) ? { excluded } : {}),
      // Staged ids are complete; how many came without checksum, only the dry run saw.
      unchecked: taken?.unchecked ?? unchecked,
      chunks: staged.jobs.length,
      sha256: await distinct.digest(),
    }
    const refusal = await refusalBy(record, plan, { first, distinct, store: deps.store })
    return { plan, ...staged, sample: sample?.ids ?? [], invalid: file, refusal }
  } catch (error) {
    if (!(error instanceof InvalidExceptError)) throw error
    return { plan: null, invalid: await invalid.commit(), refusal: error }
  } finally {
    await invalid.discard()
  }
}

/** Why the plan is refused, if a guard rail or what the request expects says so. */
async function refusalBy(
  { request, takes }: RequestRecord,
  plan: Plan,
  { first, distinct, store }: Drafted,
): Promise<RefusedError | null> {
  const taken = takes?.plan
  const onUnchecked = taken === undefined ? request.onUnchecked : 'accept'
  return refusalOf(
    plan,
    { ...request, onUnchecked },
    {
      firstRefused: first,
      caseDamage: await distinct.caseDamage(await store.ledger.orgId()),
      expected: [
        { count: request.expectCount, sha256: request.expectSha256 },
        { count: taken?.accepted ?? null, sha256: taken?.sha256 ?? null },
      ],
      isTaken: taken !== undefined,
    },
  )
}

interface Drafted {
  /** The first row that was refused. */
  readonly first: NamedRow | undefined
  readonly distinct: Distinct
  readonly store: DraftDeps['store']
}

async function writeRefused(rows: readonly NamedRow[], writer: ResultWriter): Promise<void> {
  for (const { line, value, reason, detail } of rows) {
    writer.write([line, value, `${reason}: ${detail}`])
  }
  await writer.drain()
}
