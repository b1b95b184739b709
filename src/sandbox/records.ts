import type { DeletableObject } from '../shared/contract/objects.ts'
import { ID_LENGTH, to18 } from '../shared/contract/record-id.ts'
import { activityOf, activityTypes } from './activity.ts'
import { type IdNumber, idNumber, parseIdText, prefixNumber, writeId } from './ids.ts'
import type { Org } from './org.ts'
import type { Condition, Parsed } from './soql.ts'
import { compileWhere, DAY_MS, type Fields, type FieldType, startOfDay } from './soql-filter.ts'

/** Fields of every record; their values follow from the record's number, so that tests can predict them. */
const RECORD_FIELDS = {
  Id: 'id',
  IsDeleted: 'boolean',
  CreatedDate: 'dateTime',
  LastActivityDate: 'date',
} as const satisfies Readonly<Record<string, FieldType>>

/** The fields of an object's records. */
export const fieldTypes = (object: string): Readonly<Record<string, FieldType>> => ({
  ...RECORD_FIELDS,
  ...activityTypes(object),
})

/** Record n was created n % 2000 days ago, at midnight UTC, and last active n % 1000 days ago. */
const CREATED_WITHIN_DAYS = 2000
const ACTIVE_WITHIN_DAYS = 1000

/** A record while a query looks at it. */
interface Seen {
  readonly id: IdNumber
  isDeleted: boolean
}

export interface RecordDeps {
  readonly org: Pick<Org, 'find' | 'listed'>
  /** How many records an object has at first. */
  readonly records: number
}

/** Ids that a query found, in its order: 16 bytes each, for millions of them. */
export class FoundIds {
  readonly prefix: string
  readonly #high: number[] = []
  readonly #low: number[] = []

  constructor(prefix: string) {
    this.prefix = prefix
  }

  get size(): number {
    return this.#low.length
  }

  add({ high, low }: IdNumber): void {
    this.#high.push(high)
    this.#low.push(low)
  }

  reverse(): void {
    this.#high.reverse()
    this.#low.reverse()
  }

  cut(length: number): void {
    if (length >= this.size) return
    this.#high.length = length
    this.#low.length = length
  }

  at(index: number): IdNumber {
    const prefix = prefixNumber(this.prefix)
    return { prefix, high: this.#high[index] ?? 0, low: this.#low[index] ?? 0 }
  }

  /** Writes the 18 characters of one of them. */
  write(at: number, bytes: Uint8Array, start: number): void {
    bytes.set(Buffer.from(this.prefix, 'latin1'), start)
    writeId(bytes, start, this.#high[at] ?? 0, this.#low[at] ?? 0)
  }

  id18(at: number): string {
    const bytes = Buffer.alloc(18)
    this.write(at, bytes, 0)
    return bytes.toString('latin1')
  }
}

/** Ids looked at before the search yields, so that other calls are answered in between. */
const SLICE = 20_000

/**
 * Finds the records of an object. An org with `exists: 'all'` has more of them than a query can
 * list: it lists the first `records` by number, and any other that is asked for by its id.
 *
 * @param deleted whether records in the Recycle Bin count, as for queryAll
 * @yields {number} how many it has found so far
 */
export function* findRecords(
  query: Parsed,
  { name, prefix }: DeletableObject,
  { org, records }: RecordDeps,
  { deleted, now }: { readonly deleted: boolean; readonly now: number },
): Generator<number, FoundIds> {
  const matches = compileWhere(query, fieldsAt(now, fieldTypes(name)), now)
  const found = new FoundIds(prefix)
  const key = prefixNumber(prefix)
  const descending = query.order === 'descending'
  const most = descending ? Number.POSITIVE_INFINITY : query.limit
  let looked = 0
  const asked = idsIn(query.where)
  const candidates = asked ? parsed(asked, key) : (org.listed(key) ?? numbered(key, records))
  for (const id of candidates) {
    if (found.size >= most) break
    if (++looked % SLICE === 0) yield found.size
    const state = org.find(id)
    if (state === undefined || (state === 'recycled' && !deleted)) continue
    if (matches({ id, isDeleted: state === 'recycled' })) found.add(id)
  }
  if (descending) found.reverse()
  found.cut(query.limit)
  return found
}

/** The value of a field as JSON has it. */
export function fieldOf(id18: string, name: string, isDeleted: boolean, now: number): unknown {
  const id = parseIdText(id18)
  const value = id === undefined ? null : fieldsAt(now, RECORD_FIELDS).read({ id, isDeleted }, name)
  if (name.endsWith('Id')) return typeof value === 'string' ? to18(value) : value
  if (typeof value !== 'number') return value
  const text = new Date(value).toISOString()
  return name === 'LastActivityDate' ? text.slice(0, 10) : text.replace('Z', '+0000')
}

function fieldsAt(now: number, types: Fields<Seen>['types']): Fields<Seen> {
  const today = startOfDay(now)
  return {
    types,
    read: ({ id, isDeleted }, name) => {
      switch (name) {
        case 'Id':
          return textOf(id)
        case 'IsDeleted':
          return isDeleted
        case 'CreatedDate':
          return today - (numberOf(id) % CREATED_WITHIN_DAYS) * DAY_MS
        case 'LastActivityDate':
          return today - (numberOf(id) % ACTIVE_WITHIN_DAYS) * DAY_MS
        default:
          return activityOf(name, numberOf(id), textOf(id))
      }
    },
  }
}

/** 62 to the power of 5 and 4: an id ends in a counter of nine characters. */
const LOW = 62 ** 5
const MIDDLE = 62 ** 4

const numberOf = ({ high, low }: IdNumber) => (high % MIDDLE) * LOW + low

function textOf({ prefix, high, low }: IdNumber): string {
  const bytes = Buffer.alloc(18)
  writeId(bytes, 0, high, low, prefix)
  return bytes.toString('latin1', 0, ID_LENGTH)
}

/** The numbers of an org's own server block, `5f0`. */
const BLOCK = parseIdText(to18('0015f0000000000'))?.high ?? 0

function* numbered(prefix: number, records: number): Generator<IdNumber> {
  const id = idNumber()
  id.prefix = prefix
  for (let n = 0; n < records; n++) {
    id.high = BLOCK + Math.floor(n / LOW)
    id.low = n % LOW
    yield id
  }
}

const CAMPAIGN = prefixNumber('701')

/** A flow has the number of its campaign, so that either id leads to it. */
function* parsed(ids: readonly string[], prefix: number): Generator<IdNumber> {
  for (const text of new Set(ids)) {
    const id = parseIdText(text)
    if (id !== undefined && [prefix, CAMPAIGN].includes(id.prefix)) yield { ...id, prefix }
  }
}

/**
 * The ids that a query asks for by `Id =` or `Id IN`, or of a flow by its campaign; undefined if it
 * names none.
 */
function idsIn(where: Condition | undefined): readonly string[] | undefined {
  if (where === undefined) return undefined
  if (where.kind === 'and') {
    for (const part of where.of) {
      const ids = idsIn(part)
      if (ids !== undefined) return ids
    }
  }
  if (where.kind !== 'comparison' || !/^(?:associatedrecord)?id$/i.test(where.field.text))
    return undefined
  if (where.operator !== '=' && where.operator !== 'IN') return undefined
  return where.values.map(({ text }) => text)
}
