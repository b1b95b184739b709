import type { FilePlaces, SourceText } from './kind.ts'
import {
  kindOf,
  type StoredList,
  type StoredSource,
  sourceSchema,
  type WantedList,
  type WantedSource,
} from './sources.ts'

/**
 * The lists of ids that a source consists of: the source itself or the members of a union, and what
 * any of them excepts.
 */

/** One list, and where it is in its source. */
export interface ListAt<List> {
  /** `''`: the source itself; `1`: the second member of a union; `except` and `1.except`: of these. */
  readonly at: string
  readonly list: List
}

/** A list whose ids are to be deleted. */
export interface Member<List> extends ListAt<List> {
  /** Whose ids are left out; null if none are. */
  readonly except: ListAt<List> | null
}

/** A source, taken apart. */
interface Parts<List> {
  readonly members: readonly Member<List>[]
  /** Left out of every member of a union; null otherwise. */
  readonly except: ListAt<List> | null
}

export function partsOf(source: WantedSource): Parts<WantedList>
export function partsOf(source: StoredSource): Parts<StoredList>
export function partsOf(source: StoredSource): Parts<StoredList> {
  if (source.type !== 'union') return { members: [memberAt('', source)], except: null }
  const members = source.of.map((member, n) => memberAt(String(n), member))
  return { members, except: exceptAt('', source.except) }
}

function memberAt(
  at: string,
  { except, ...list }: Exclude<StoredSource, { readonly type: 'union' }>,
): Member<StoredList> {
  return { at, list, except: exceptAt(at, except) }
}

function exceptAt(at: string, list: StoredList | undefined): ListAt<StoredList> | null {
  return list === undefined ? null : { at: at === '' ? 'except' : `${at}.except`, list }
}

/** Every list of a source, in the order of reading. */
export function listsOf(source: WantedSource): readonly ListAt<WantedList>[]
export function listsOf(source: StoredSource): readonly ListAt<StoredList>[]
export function listsOf(source: StoredSource): readonly ListAt<StoredList>[] {
  const { members, except } = partsOf(source)
  const all = [except, ...members.flatMap((member) => [member.except, member])]
  return all.filter((one) => one !== null)
}

/** The place in words: `source 2`, `except`, `except of source 2`; empty for the source itself. */
export function nameOfList(at: string): string {
  const [member = '', part] = at === 'except' ? ['', at] : at.split('.')
  const source = member === '' ? '' : `source ${Number(member) + 1}`
  if (part === undefined) return source
  return source === '' ? part : `${part} of ${source}`
}

/** The field of a source that holds the list: `of`, `1`, `except`. */
export const pathOfList = (at: string): readonly string[] =>
  at.split('.').flatMap((part) => (part === '' ? [] : part === 'except' ? [part] : ['of', part]))

/**
 * The place of a row in `invalid.csv`: its number alone, unless that does not tell its list or its
 * part of the list: `source 2, line 7`, `crm/a.csv, line 7`.
 */
export function lineOfRow(
  { at, list }: ListAt<StoredList>,
  { line, part }: { readonly line: number; readonly part?: string | undefined },
): number | string {
  if (at === '' && part === undefined) return line
  const { unit, place } = kindOf(list).text
  const words = [nameOfList(at), part ?? '', unit === 'id' ? `id ${line}` : place(line, 0)]
  return words.filter((word) => word !== '').join(', ')
}

/** Where a row is, in words: `line 7`, `id 2 of 3`, `source 2, line 7`. */
export function placeOfRow(source: StoredSource, line: number | string, rows: number): string {
  const own = partsOf(source).members.find(({ at }) => at === '')
  const isNumber = /^\d+$/.test(String(line))
  return own !== undefined && isNumber ? kindOf(own.list).text.place(line, rows) : String(line)
}

/** What its rows are, for those who wrote them. */
export const unitOf = (source: StoredSource): SourceText['unit'] =>
  partsOf(source).members.every(({ list }) => kindOf(list).text.unit === 'id') ? 'id' : 'row'

const MOST_INLINE_IDS = 10_000

/** A source of a request: a request brings few ids, and the bytes of one upload. */
export const limitedSourceSchema = sourceSchema.superRefine((source, context) => {
  const all = listsOf(source)
  const uploads = all.filter(({ list }) => list.type === 'upload').length
  if (uploads > 1) context.addIssue(`expected at most one upload, got ${uploads}`)
  const ids = all.reduce((sum, { list }) => sum + (list.type === 'ids' ? list.ids.length : 0), 0)
  if (ids <= MOST_INLINE_IDS) return
  context.addIssue(`expected at most ${MOST_INLINE_IDS} ids in all lists, got ${ids}`)
})

type Excepting<List> = List & { readonly except?: List }
type SourceOf<List> =
  | Excepting<List>
  | {
      readonly type: 'union'
      readonly of: readonly Excepting<List>[]
      readonly except?: List
    }

function join<Given, List extends object>(
  source: StoredSource,
  { members, except }: Parts<Given>,
  map: (one: ListAt<Given>) => List,
): SourceOf<List> {
  const excepting = (one: ListAt<Given> | null) => (one === null ? {} : { except: map(one) })
  const of = members.map((member) => ({ ...map(member), ...excepting(member.except) }))
  const [only] = of
  if (source.type !== 'union' && only !== undefined) return only
  return { type: 'union', of, ...excepting(except) }
}

/** The same source of other lists. */
export const mapLists = <List extends object>(
  source: StoredSource,
  map: (one: ListAt<StoredList>) => List,
): SourceOf<List> => join(source, partsOf(source), map)

/** The source without its ids, as the ledger keeps it and as people may see it. */
export const toStoredSource = (source: WantedSource): StoredSource =>
  join(source, partsOf(source), ({ list }) => kindOf(list).toStored(list))

/** Whether a process that reads some of its lists can pin their content. */
export const canBePinned = (source: WantedSource): boolean =>
  listsOf(source).some(({ list }) => kindOf(list).pin !== undefined)

/**
 * The source with the digest of every list that this process can read.
 *
 * @param isUnreadable whether the error says that a list cannot be read here; others are thrown
 */
export async function pinLists(
  source: WantedSource,
  places: FilePlaces,
  isUnreadable: (error: unknown) => boolean,
  signal?: AbortSignal,
): Promise<WantedSource> {
  const pinned = new Map<string, WantedList>()
  for (const { at, list } of listsOf(source)) {
    try {
      pinned.set(at, (await kindOf(list).pin?.(list, places, signal)) ?? list)
    } catch (error) {
      if (!isUnreadable(error)) throw error
    }
  }
  return join(source, partsOf(source), ({ at, list }) => pinned.get(at) ?? list)
}

/** Whether a list of its ids is found by a rule, so that nobody has seen them. */
export const isRule = (source: StoredSource): boolean =>
  partsOf(source).members.some(({ list }) => kindOf(list).isRule)

/** Whether it leaves out the ids of another list. */
export const hasExcept = (source: StoredSource): boolean =>
  listsOf(source).some(({ at }) => at.endsWith('except'))

/** Whether bytes come beside the request. */
export const takesUpload = (source: StoredSource): boolean =>
  listsOf(source).some(({ list }) => kindOf(list).takesUpload)

/** The most ids it names; null if it must be read to know. */
export function countOf(source: WantedSource): number | null {
  const counts = partsOf(source).members.map(({ list }) => kindOf(list).count(list))
  return counts.reduce((sum, count) => (sum === null || count === null ? null : sum + count), 0)
}

/** The source in words: `upload`, `file /data/ids.csv except ids`, `ids + file /data/ids.csv`. */
export function wordsFor(source: StoredSource): string {
  const { members, except } = partsOf(source)
  const words = members.map((member) => withExcept(wordsForList(member.list), member.except))
  return withExcept(words.join(' + '), except)
}

function withExcept(words: string, except: ListAt<StoredList> | null): string {
  return except === null ? words : `${words} except ${wordsForList(except.list)}`
}

export function wordsForList(list: StoredList): string {
  const { words, place } = kindOf(list)
  const where = words?.(list) ?? Object.values(place(maskedList(list))).join(' ')
  return `${list.type} ${where}`.trimEnd()
}

/** The list as people may see it. */
export const maskedList = (list: StoredList): StoredList => kindOf(list).masked?.(list) ?? list

/** The source as people may see it. */
export const maskedSource = (source: StoredSource): StoredSource =>
  mapLists(source, ({ list }) => maskedList(list))
