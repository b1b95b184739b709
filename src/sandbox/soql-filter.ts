import type { Condition, Parsed, Token } from './soql.ts'

/** What a field of an object holds. */
export type FieldType = 'id' | 'string' | 'boolean' | 'dateTime' | 'date'

/** A value of a record: dates and times as milliseconds since the epoch. */
export type FieldValue = string | number | boolean | null

/** Reads a field of a record; `lower` is its name in lower case. */
export interface Fields<R> {
  readonly types: Readonly<Record<string, FieldType>>
  read(record: R, name: string): FieldValue
}

type Filter<R> = (record: R) => boolean

/**
 * Compiles a WHERE clause. Refuses the call for a field that the object lacks, or a value of
 * another type than its field's.
 *
 * @param now decides what relative dates mean, in UTC
 */
export function compileWhere<R>(query: Parsed, fields: Fields<R>, now: number): Filter<R> {
  const { where } = query
  return where === undefined ? () => true : compile(where)

  function compile(condition: Condition): Filter<R> {
    switch (condition.kind) {
      case 'and': {
        const all = condition.of.map(compile)
        return (record) => all.every((one) => one(record))
      }
      case 'or': {
        const any = condition.of.map(compile)
        return (record) => any.some((one) => one(record))
      }
      case 'not': {
        const inner = compile(condition.of)
        return (record) => !inner(record)
      }
      case 'comparison':
        return comparison(condition)
      default:
        throw new TypeError(`Unknown condition ${JSON.stringify(condition satisfies never)}`)
    }
  }

  function comparison({
    field,
    operator,
    values,
  }: Extract<Condition, { kind: 'comparison' }>): Filter<R> {
    const name = nameOf(field, query, fields.types)
    const type = fields.types[name] ?? 'string'
    const spans = values.map((value) => spanOf(value, { name, type, now }, query))
    const holds = (value: FieldValue) => spans.some((span) => isWithin(value, span))
    const [{ from, to } = { from: null, to: null }] = spans
    return (record) => {
      const value = fields.read(record, name)
      switch (operator) {
        case '=':
        case 'IN':
          return holds(value)
        case '!=':
        case 'NOT IN':
          return !holds(value)
        case '<':
          return isLess(value, from)
        case '<=':
          return isLess(value, to) || value === to
        case '>':
          return isLess(to, value)
        case '>=':
          return isLess(from, value) || value === from
        default:
          throw new TypeError(`Unknown operator ${JSON.stringify(operator satisfies never)}`)
      }
    }
  }
}

/** The field's own spelling. Refuses the call if the object has no such field. */
export function nameOf(field: Token, query: Parsed, types: Fields<never>['types']): string {
  const wanted = field.text.toLowerCase()
  const name = Object.keys(types).find((name) => name.toLowerCase() === wanted)
  return (
    name ??
    query.refuse(
      'INVALID_FIELD',
      field,
      `No such column '${field.text}' on entity '${query.object.text}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.`,
    )
  )
}

/** First and last value that a literal stands for: a day is a span of times. */
interface Span {
  readonly from: FieldValue
  readonly to: FieldValue
}

function isWithin(value: FieldValue, { from, to }: Span): boolean {
  const isTime = typeof value === 'number' && from !== null && to !== null
  return isTime ? !isLess(value, from) && !isLess(to, value) : value === from
}

const isLess = (a: FieldValue, b: FieldValue) => a !== null && b !== null && a < b

interface Wanted {
  readonly name: string
  readonly type: FieldType
  readonly now: number
}

function spanOf(value: Token, { name, type, now }: Wanted, query: Parsed): Span {
  const only = (value: FieldValue): Span => ({ from: value, to: value })
  const word = value.kind === 'word' ? value.text : undefined
  if (word?.toLowerCase() === 'null') return only(null)
  switch (type) {
    case 'id':
    case 'string':
      if (value.kind !== 'string') break
      return only(type === 'id' ? value.text.slice(0, 15) : value.text)
    case 'boolean':
      if (word === undefined || !/^(true|false)$/i.test(word)) break
      return only(word.toLowerCase() === 'true')
    case 'dateTime':
    case 'date': {
      const span = word === undefined ? undefined : timeOf(word, type, now)
      if (span === undefined) break
      return span
    }
    default:
      throw new TypeError(`Unknown type ${JSON.stringify(type satisfies never)}`)
  }
  const quotes =
    value.kind === 'string'
      ? 'and should not be enclosed in quotes'
      : 'and should be enclosed in quotes'
  return query.refuse(
    'INVALID_FIELD',
    value,
    `value of filter criterion for field '${name}' must be of type ${type} ${quotes}`,
  )
}

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/i
const DATE = /^\d{4}-\d\d-\d\d$/

/** Undefined if the word is no time of this type. */
function timeOf(word: string, type: 'dateTime' | 'date', now: number): Span | undefined {
  const form = type === 'date' ? DATE : DATE_TIME
  if (form.test(word)) {
    const at = Date.parse(word)
    return Number.isNaN(at) ? undefined : { from: at, to: at }
  }
  return relativeTime(word, now)
}

export const DAY_MS = 24 * 3600_000

/** The first millisecond of the day, in UTC. */
export const startOfDay = (at: number) => at - (at % DAY_MS)

/**
 * Date literals (SOQL, Date Formats and Date Literals). LAST_N_DAYS ends with today; LAST_N_MONTHS
 * ends with the month before this one.
 */
function relativeTime(word: string, now: number): Span | undefined {
  const [, name = '', number] = /^([A-Z_]+)(?::(\d+))?$/i.exec(word) ?? []
  const n = number === undefined ? undefined : Number(number)
  const today = startOfDay(now)
  const between = (from: number, before: number): Span => ({ from, to: before - 1 })
  switch (`${name.toUpperCase()}${n === undefined ? '' : ':n'}`) {
    case 'TODAY':
      return between(today, today + DAY_MS)
    case 'YESTERDAY':
      return between(today - DAY_MS, today)
    case 'LAST_N_DAYS:n':
      return between(today - (n ?? 0) * DAY_MS, today + DAY_MS)
    case 'THIS_MONTH':
      return between(month(now, 0), month(now, 1))
    case 'LAST_MONTH':
      return between(month(now, -1), month(now, 0))
    case 'LAST_N_MONTHS:n':
      return between(month(now, -(n ?? 0)), month(now, 0))
    case 'THIS_YEAR':
      return between(year(now, 0), year(now, 1))
    case 'LAST_YEAR':
      return between(year(now, -1), year(now, 0))
    case 'LAST_N_YEARS:n':
      return between(year(now, -(n ?? 0)), year(now, 0))
    default:
      return undefined
  }
}

function month(now: number, offset: number): number {
  const date = new Date(now)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset)
}

const year = (now: number, offset: number) => Date.UTC(new Date(now).getUTCFullYear() + offset, 0)
