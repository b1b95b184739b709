import type { Context } from '../../shared/base/context.ts'
import type { SourcesConfig } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { DeletableObject } from '../../shared/contract/objects.ts'
import {
  type ListAt,
  lineOfRow,
  type Member,
  nameOfList,
  partsOf,
} from '../../shared/contract/sources/lists.ts'
import { kindOf, type StoredList } from '../../shared/contract/sources/sources.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { openKeptPlan } from '../sources/kept-plan.ts'
import { openSource } from '../sources/open-source.ts'
import type { SourceNotes, SourceOrg, SourcePart } from '../sources/source.ts'
import type { RefusedRow, ScannedBlock } from './block.ts'
import type { Distinct } from './distinct.ts'
import { exclude, readExcept, withName } from './except.ts'
import { scan } from './scan.ts'
import { scanParts } from './scan-parts.ts'

/** A refused row; `line` as in `invalid.csv`, which names the list if the source has several. */
export type NamedRow = Omit<RefusedRow, 'line'> & { readonly line: number | string }

/** Rows of one list, without those that another list excepts. */
interface ListBlock extends Omit<ScannedBlock, 'refused'> {
  readonly refused: readonly NamedRow[]
  readonly excluded: number
}

export interface ReadingDeps {
  readonly store: OrgStore
  /** Bytes that the ids of a plan, and those that are excepted, may take. */
  readonly maxPlanMemory: number
  /** What sources need beyond the request. */
  readonly sources: SourcesConfig
  /** The org; null without a login. */
  readonly salesforce: SourceOrg | null
}

/** One planning attempt. */
interface Attempt {
  readonly record: RequestRecord
  readonly guards: GuardRails
  readonly lot: string
  readonly object: DeletableObject
  /** Objects whose names help to explain another key prefix. */
  readonly known: readonly DeletableObject[]
  readonly deps: ReadingDeps
  readonly ctx: Context
}

/** What the lists of one plan share. */
interface Shared {
  /** The ids of the plan: they share the memory with those that are excepted. */
  readonly distinct: Distinct
  /** Called with rows of `except` lists that are no ids. */
  refuse(rows: readonly NamedRow[]): Promise<void>
}

/**
 * Reads the lists of a request's source, one after the other, each in its own form: its header, its
 * column, its compression. Lists that are excepted are read before those that they are excepted from.
 *
 * @throws RefusedError, SourceError naming the list if there are several
 */
export async function* readLists(attempt: Attempt, shared: Shared): AsyncGenerator<ListBlock> {
  const { record } = attempt
  if (record.takes !== null) return yield* readTaken(record.takes, attempt)
  const { members, except } = partsOf(record.request.source)
  using ofAll = new Excepted(attempt, shared)
  await ofAll.read(except)
  for (const member of members) yield* readMember(member, ofAll, attempt, shared)
}

async function* readMember(
  member: Member<StoredList>,
  ofAll: Excepted,
  attempt: Attempt,
  shared: Shared,
): AsyncGenerator<ListBlock> {
  using own = new Excepted(attempt, shared, ofAll)
  await own.read(member.except)
  for await (const scanned of readList(member, attempt)) {
    const { block, excluded } = exclude(scanned, own.sets)
    const refused = block.refused.map((row) => ({ ...row, line: lineOfRow(member, row) }))
    yield { ...block, refused, excluded }
  }
}

/** The ids of up to one `except` list, and of the one above it. */
class Excepted implements Disposable {
  readonly #attempt: Attempt
  readonly #shared: Shared
  readonly #above: Excepted | null
  #own: Distinct | null = null

  constructor(attempt: Attempt, shared: Shared, above: Excepted | null = null) {
    this.#attempt = attempt
    this.#shared = shared
    this.#above = above
  }

  get sets(): readonly Distinct[] {
    return [...(this.#above?.sets ?? []), ...(this.#own === null ? [] : [this.#own])]
  }

  async read(except: ListAt<StoredList> | null): Promise<void> {
    if (except === null) return
    const { record, deps } = this.#attempt
    const { distinct, refuse } = this.#shared
    const named = (row: RefusedRow) => ({ ...row, line: lineOfRow(except, row) })
    const terms = {
      name: nameOfList(except.at),
      onUnchecked: record.request.onUnchecked,
      orgId: await deps.store.ledger.orgId(),
      maxPlanMemory: Math.max(0, deps.maxPlanMemory - distinct.bytes - this.#bytes),
      place: (row: RefusedRow) => String(named(row).line),
      refuse: (rows: readonly RefusedRow[]) => refuse(rows.map(named)),
    }
    this.#own = await readExcept(readList(except, this.#attempt), terms)
    this.#share()
  }

  [Symbol.dispose](): void {
    this.#own?.[Symbol.dispose]()
    this.#own = null
    this.#share()
  }

  get #bytes(): number {
    return this.sets.reduce((sum, set) => sum + set.bytes, 0)
  }

  #share(): void {
    this.#shared.distinct.limitTo(this.#attempt.deps.maxPlanMemory - this.#bytes)
  }
}

async function* readList(
  { at, list }: ListAt<StoredList>,
  attempt: Attempt,
): AsyncGenerator<ScannedBlock> {
  const { ctx } = attempt
  const { text } = kindOf(list)
  const column = 'column' in list ? { column: list.column } : {}
  try {
    for await (const block of scanParts(open(at, list, attempt), {
      ...optionsOf(attempt),
      text,
      ...column,
    })) {
      ctx.signal.throwIfAborted()
      yield block
    }
  } catch (error) {
    throw withName(nameOfList(at), error)
  }
}

function open(
  at: string,
  list: StoredList,
  { record, guards, lot, deps, ctx }: Attempt,
): AsyncIterable<SourcePart> {
  const { store, sources: settings, salesforce } = deps
  const { request, staged: all } = record
  const staged = all?.parts === undefined ? all : (partOf(all, at) ?? null)
  const notes = notesOf({ id: request.id, lot, member: at }, deps)
  const { signal } = ctx
  return openSource(list, { record, staged, store, guards, settings, salesforce, notes, signal })
}

function partOf({ parts, ...whole }: NonNullable<RequestRecord['staged']>, at: string) {
  const part = parts?.find((one) => one.at === at)
  return part && { ...whole, ...part }
}

function notesOf(
  place: { readonly id: string; readonly lot: string; readonly member: string },
  { store: { ledger } }: ReadingDeps,
): SourceNotes {
  return {
    pin: (note, found) => ledger.pinSource({ ...place, note, found }),
    job: () => ledger.sourceNote({ ...place, note: 'job' }),
    saveJob: (value) => ledger.saveSource({ ...place, note: 'job', value }),
  }
}

/** The staged ids of a dry run: they have a header of their own, and nothing is left to except. */
async function* readTaken(
  takes: NonNullable<RequestRecord['takes']>,
  attempt: Attempt,
): AsyncGenerator<ListBlock> {
  const { deps, ctx } = attempt
  const bytes = openKeptPlan(takes, { store: deps.store, signal: ctx.signal })
  for await (const block of scan(bytes, optionsOf(attempt))) yield { ...block, excluded: 0 }
}

const optionsOf = ({ object, known }: Attempt) => ({ object, known })
