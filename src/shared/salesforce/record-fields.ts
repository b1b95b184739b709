import { z } from 'zod'
import { errorFromContent } from './fault.ts'
import type { Http } from './http.ts'

/** What to read of which records. Names come from our own code, never from callers. */
interface FieldsOf {
  readonly object: string
  readonly fields: readonly string[]
  /** The field that must have one of the ids. */
  readonly id: string
  /** 18 characters, at most {@link MOST_IDS}. */
  readonly ids: readonly string[]
}

/** A query is part of the URL, which Salesforce limits to 16,384 bytes; an id takes 23 in it. */
export const MOST_IDS = 400

const page = z.object({
  done: z.boolean(),
  records: z.array(z.record(z.string(), z.unknown())),
  nextRecordsUrl: z
    .string()
    .regex(/^\/services\/data\//)
    .optional(),
})

/** An answer is at most 2,000 records; more pages than this are not the answer to our query. */
const MOST_PAGES = 100

/**
 * Fields of records by their ids (REST API, Query). Records that are deleted, or that the user may
 * not see, are missing.
 *
 * @returns by record, a value for each field: null if it is empty or no text
 */
export async function recordFields(
  http: Http,
  { object, fields, id, ids }: FieldsOf,
  signal?: AbortSignal,
): Promise<readonly ReadonlyMap<string, string | null>[]> {
  const names = [...new Set([id, ...fields])]
  const list = ids.map((one) => `'${one}'`).join(',')
  const soql = `SELECT ${names.join(', ')} FROM ${object} WHERE ${id} IN (${list})`
  const found: ReadonlyMap<string, string | null>[] = []
  let path: string | undefined = `query?q=${encodeURIComponent(soql)}`
  for (let pages = 0; path !== undefined; pages++) {
    if (pages === MOST_PAGES) throw tooManyPages()
    const answer: z.output<typeof page> = await http.json(
      { operation: 'recordFields', method: 'GET', path, signal },
      page,
    )
    if (!answer.done && answer.nextRecordsUrl === undefined) throw incomplete()
    found.push(...answer.records.map((record) => valuesOf(record, names)))
    path = answer.nextRecordsUrl
  }
  return found
}

function valuesOf(record: Readonly<Record<string, unknown>>, names: readonly string[]) {
  return new Map(
    names.map((name) => {
      const value = record[name]
      return [name, typeof value === 'string' && value !== '' ? value : null]
    }),
  )
}

const tooManyPages = () =>
  errorFromContent('recordFields', 200, {
    kind: 'unexpected',
    code: 'TOO_MANY_PAGES',
    text: `a query for at most ${MOST_IDS} ids has more than ${MOST_PAGES} pages`,
  })

const incomplete = () =>
  errorFromContent('recordFields', 200, {
    kind: 'unexpected',
    code: 'INCOMPLETE',
    text: 'it says that more records follow, but not where',
  })
