import type { DeletableObject } from '../shared/contract/objects.ts'
import type { Call } from './call.ts'
import { organizationRecord, userRecord } from './org-api.ts'
import { type FoundIds, fieldOf, fieldTypes, findRecords, type RecordDeps } from './records.ts'
import { json, type Reply, refuse } from './reply.ts'
import { type Parsed, parseSoql } from './soql.ts'
import { compileWhere, type FieldType, type FieldValue, nameOf } from './soql-filter.ts'

type SObject = Readonly<Record<string, unknown>>
type Types = Readonly<Record<string, FieldType>>

export interface QueryDeps extends RecordDeps {
  readonly organization: Parameters<typeof userRecord>[0]
  readonly objects: readonly DeletableObject[]
  /** Objects whose records the user may not delete. */
  readonly notDeletable: readonly string[]
  readonly settings: { readonly allowHardDelete: boolean }
}

/** Records of one answer, as an org gives them unless `Sforce-Query-Options` asks for fewer. */
const BATCH = { most: 2000, least: 200 } as const
/** Results that are kept for their next pages; an org keeps as many for each user. */
const MOST_CURSORS = 10

/** What a query found. */
interface Results {
  readonly object: string
  readonly columns: readonly string[]
  readonly size: number
  record(at: number): SObject
}

/**
 * `GET /services/data/vXX.X/query` and `queryAll`: the Organization, the user, and the records of
 * the org. `query` omits records in the Recycle Bin. With `columns=true` it describes the columns,
 * as the sf CLI requests.
 */
export class QueryApi {
  readonly #deps: QueryDeps
  readonly #cursors = new Map<string, Results>()
  #number = 0

  constructor(deps: QueryDeps) {
    this.#deps = deps
  }

  query(call: Call): Reply {
    const soql = parseSoql(call.query.get('q') ?? '')
    const own = ownRecord(soql.object.text, this.#deps)
    const object = own === undefined ? knownObject(soql, this.#deps.objects) : undefined
    const types = object === undefined ? typesOf(own ?? {}) : fieldTypes(object.name)
    const columns = soql.columns.map((column) => nameOf(column, soql, types))
    if (call.query.get('columns') === 'true') {
      return json(200, metadata(soql.object.text, object?.prefix ?? prefixOf(own), columns, types))
    }
    const results =
      object === undefined ? single(soql, own ?? {}, columns) : this.#find(soql, object, call)
    return this.#page(call, results, 0)
  }

  /** The next page of a query, by the path that the page before named. */
  more(call: Call): Reply {
    const [, cursor = '', offset] = /^(\w+)-(\d+)$/.exec(call.route.cursor ?? '') ?? []
    const results = this.#cursors.get(cursor)
    if (results === undefined) {
      refuse(400, 'INVALID_QUERY_LOCATOR', 'invalid query locator')
    }
    return this.#page(call, results, Number(offset), cursor)
  }

  #find(soql: Parsed, object: DeletableObject, { operation }: Call): Results {
    const now = Date.now()
    const deleted = operation === 'queryAll'
    const found = allOf(findRecords(soql, object, this.#deps, { deleted, now }))
    const columns = soql.columns.map((column) => nameOf(column, soql, fieldTypes(object.name)))
    const { org } = this.#deps
    return {
      object: object.name,
      columns,
      size: found.size,
      record: (at) => {
        const id = found.id18(at)
        const isDeleted = org.find(found.at(at)) === 'recycled'
        return Object.fromEntries(
          ['Id', ...columns].map((name) => [name, fieldOf(id, name, isDeleted, now)]),
        )
      },
    }
  }

  #page(call: Call, results: Results, offset: number, cursor?: string): Reply {
    const { object, columns, size } = results
    const end = Math.min(size, offset + batchOf(call))
    const base = `/services/data/v${call.route.version}`
    const records: object[] = []
    for (let at = offset; at < end; at++) {
      const record = results.record(at)
      records.push({
        attributes: { type: object, url: `${base}/sobjects/${object}/${record['Id']}` },
        ...Object.fromEntries(columns.map((name) => [name, record[name]])),
      })
    }
    if (end >= size) return json(200, { totalSize: size, done: true, records })
    const next = `${base}/query/${cursor ?? this.#keep(results)}-${end}`
    return json(200, { totalSize: size, done: false, nextRecordsUrl: next, records })
  }

  #keep(results: Results): string {
    const cursor = `01g5f0000${String(++this.#number).padStart(6, '0')}AAA`
    this.#cursors.set(cursor, results)
    const [oldest] = this.#cursors.keys()
    if (this.#cursors.size > MOST_CURSORS && oldest !== undefined) this.#cursors.delete(oldest)
    return cursor
  }
}

function allOf(search: Generator<unknown, FoundIds>): FoundIds {
  for (;;) {
    const step = search.next()
    if (step.done) return step.value
  }
}

function batchOf({ request }: Call): number {
  const asked = Number(
    /batchSize=(\d+)/.exec(String(request.headers['sforce-query-options']))?.[1] ?? BATCH.most,
  )
  return Math.min(BATCH.most, Math.max(BATCH.least, asked))
}

/** The object by its name in any case. Refuses the call if the org has none of this name. */
export function knownObject(soql: Parsed, objects: readonly DeletableObject[]): DeletableObject {
  const name = soql.object.text
  const known = objects.find((one) => one.name.toLowerCase() === name.toLowerCase())
  return (
    known ??
    soql.refuse(
      'INVALID_TYPE',
      soql.object,
      `sObject type '${name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.`,
    )
  )
}

/** Objects that have one record, about the org and its user. */
function ownRecord(object: string, { organization, settings }: QueryDeps): SObject | undefined {
  switch (object.toLowerCase()) {
    case 'organization':
      return organizationRecord(organization)
    case 'user':
      return userRecord(organization)
    case 'userpermissionaccess':
      return {
        PermissionsApiEnabled: true,
        PermissionsBulkApiHardDelete: settings.allowHardDelete,
      }
    default:
      return undefined
  }
}

function single(soql: Parsed, record: SObject, columns: readonly string[]): Results {
  const read = (own: SObject, name: string): FieldValue => {
    const value = own[name]
    if (name === 'Id') return String(value).slice(0, 15)
    return typeof value === 'boolean' || typeof value === 'string' ? value : null
  }
  const matches = compileWhere(soql, { types: typesOf(record), read }, Date.now())
  const size = soql.limit > 0 && matches(record) ? 1 : 0
  return { object: soql.object.text, columns, size, record: () => record }
}

function typesOf(record: SObject): Types {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name,
      name === 'Id' ? 'id' : typeof value === 'boolean' ? 'boolean' : 'string',
    ]),
  )
}

const prefixOf = (record: SObject | undefined) => String(record?.['Id'] ?? '').slice(0, 3)

const APEX_TYPES: Readonly<Record<FieldType, string>> = {
  id: 'Id',
  string: 'String',
  boolean: 'Boolean',
  dateTime: 'Datetime',
  date: 'Date',
}

function metadata(object: string, prefix: string, columns: readonly string[], types: Types) {
  return {
    columnMetadata: columns.map((name) => ({
      aggregate: false,
      apexType: APEX_TYPES[types[name] ?? 'string'],
      booleanType: types[name] === 'boolean',
      columnName: name,
      custom: false,
      displayName: name,
      foreignKeyName: null,
      insertable: false,
      joinColumns: [],
      numberType: false,
      textType: types[name] === 'string',
      updatable: false,
    })),
    entityName: object,
    groupBy: false,
    idSelected: columns.includes('Id'),
    keyPrefix: prefix,
  }
}
