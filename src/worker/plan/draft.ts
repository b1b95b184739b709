import type { Context } from '../../shared/base/context.ts'
import type { RefusedError } from '../../shared/base/errors.ts'
import type { OrgConfig, SourcesConfig } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { DeletableObject } from '../../shared/contract/objects.ts'
import { watchOf } from '../../shared/contract/preflight.ts'
import type { Plan, ResultFile } from '../../shared/contract/receipt.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import { PLAIN_TEXT } from '../../shared/contract/sources/kind.ts'
import { kindOf } from '../../shared/contract/sources/sources.ts'
import type { ResultWriter } from '../../shared/results/csv.ts'
import type { ResultsStore } from '../../shared/results/results-store.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { idsOfJob } from '../ids/delete-csv.ts'
import { openKeptPlan } from '../sources/kept-plan.ts'
import { onePart, openSource } from '../sources/open-source.ts'
import type { SourceNotes, SourceOrg, SourcePart } from '../sources/source.ts'
import type { RefusedRow } from './block.ts'
import { Distinct } from './distinct.ts'
import { allowedObject, assertChunks, assertRecords, refusalOf } from './guards.ts'
import { waitsForMemory } from './memory.ts'
import { prefixesOf, withPrefix } from './object.ts'
import { SAMPLED } from './preflight.ts'
import { Sample } from './sample.ts'
import type { ScanOptions } from './scan.ts'
import { lineOf, scanParts } from './scan-parts.ts'
import { PlanStager, type StagedPlan } from './stage-plan.ts'

export interface DraftDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
  readonly org: OrgConfig
  /** Bytes that deduplication may take. */
  readonly maxPlanMemory: number
  /** What sources need beyond the request. */
  readonly sources: SourcesConfig
  /** The org; null without a login. */
  readonly salesforce: SourceOrg | null
}

/** A plan whose source is read and staged, but which is not yet in the ledger. */
interface Draft extends StagedPlan {
  readonly plan: Plan
  /** Ids spread over the plan, of an object whose records have a state. */
  readonly sample: readonly Uint8Array[]
  /** The part of `invalid.csv`; null if no row was refused. */
  readonly invalid: ResultFile | null
  /** Why the plan is not applied although the source was read to its end; null if it is applied. */
  readonly refusal: RefusedError | null
}

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
  const source = open(record, guards, lot, deps, ctx)
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
    let read = 0
    let unchecked = 0
    let first: RefusedRow | undefined
    for await (const block of scanParts(source, scanOptions(record, object, known))) {
      ctx.signal.throwIfAborted()
      read += block.count + block.refused.length
      first ??= block.refused[0]
      await writeRefused(block.refused, invalid)
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
      duplicate: read - invalid.rows - distinct.size,
      // Staged ids are complete; how many came without checksum, only the dry run saw.
      unchecked: taken?.unchecked ?? unchecked,
      chunks: staged.jobs.length,
      sha256: await distinct.digest(),
    }
    const onUnchecked = taken === undefined ? request.onUnchecked : 'accept'
    const refusal = refusalOf(
      plan,
      { ...request, onUnchecked },
      {
        firstRefused: first,
        caseDamage: await distinct.caseDamage(await deps.store.ledger.orgId()),
        expected: [
          { count: request.expectCount, sha256: request.expectSha256 },
          { count: taken?.accepted ?? null, sha256: taken?.sha256 ?? null },
        ],
      },
    )
    return { plan, ...staged, sample: sample?.ids ?? [], invalid: file, refusal }
  } finally {
    await invalid.discard()
  }
}

/** What to plan: of the source, or of the kept plan that the request applies. */
function open(
  record: RequestRecord,
  guards: GuardRails,
  lot: string,
  { store, sources: settings, salesforce }: DraftDeps,
  { signal }: Context,
): AsyncIterable<SourcePart> {
  const { request, takes, staged } = record
  if (takes !== null) return onePart(openKeptPlan(takes, { store, signal }))
  const notes = notesOf({ id: request.id, lot }, store)
  const reading = { record, staged, store, guards, settings, salesforce, notes, signal }
  return openSource(request.source, reading)
}

function notesOf(
  attempt: { readonly id: string; readonly lot: string },
  { ledger }: OrgStore,
): SourceNotes {
  return {
    pin: (note, found) => ledger.pinSource({ ...attempt, note, found }),
    job: () => ledger.sourceNote({ ...attempt, note: 'job' }),
    saveJob: (value) => ledger.saveSource({ ...attempt, note: 'job', value }),
  }
}

function scanOptions(
  { request: { source }, takes }: RequestRecord,
  object: DeletableObject,
  known: readonly DeletableObject[],
): ScanOptions {
  // A kept plan has ids only, under a header of its own.
  if (takes !== null) return { object, known, text: PLAIN_TEXT }
  const column = 'column' in source ? { column: source.column } : {}
  return { object, known, text: kindOf(source).text, ...column }
}

async function writeRefused(rows: readonly RefusedRow[], writer: ResultWriter): Promise<void> {
  for (const row of rows) {
    writer.write([lineOf(row), row.value, `${row.reason}: ${row.detail}`])
  }
  await writer.drain()
}
