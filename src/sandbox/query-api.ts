import type { DeletableObject } from '../shared/contract/objects.ts'
import { ID_LENGTH, to18 } from '../shared/contract/record-id.ts'
import type { Call } from './call.ts'
import { parseIdText, prefixNumber } from './ids.ts'
import type { Org } from './org.ts'
import { type Organization, organizationRecord, userRecord } from './org-api.ts'
import { apiError, json, type Reply, refuse } from './reply.ts'

type SObject = Readonly<Record<string, unknown>>

export interface QueryDeps {
  readonly organization: Organization
  readonly org: Pick<Org, 'find'>
  readonly objects: readonly DeletableObject[]
  /** Objects whose records the user may not delete. */
  readonly notDeletable: readonly string[]
  readonly settings: { readonly allowHardDelete: boolean }
}

/**
 * `GET /services/data/vXX.X/query` and `queryAll`: the Organization, the user, and records by id,
 * which have only `Id` and `IsDeleted`. `query` omits records in the Recycle Bin. With
 * `columns=true` it describes the columns, as the sf CLI requests.
 */
export function query(call: Call, deps: QueryDeps): Reply {
  const select = parseSelect(call.query.get('q') ?? '')
  if (select && !isKnown(select.object, deps)) {
    // As in an org without the feature: the sf CLI queries ScratchOrgInfo to recognize a Dev Hub.
    refuse(400, 'INVALID_TYPE', `sObject type '${select.object}' is not supported.`)
  }
  const table = select && tableOf(select, deps)
  if (!table) {
    refuse(
      400,
      'MALFORMED_QUERY',
      'The sandbox answers SELECT … FROM Organization, FROM User, and FROM its objects WHERE Id = or Id IN, and no other query',
    )
  }
  const columns = select.columns.map((column) => nameOf(column, select.object, table.sample))
  if (call.query.get('columns') === 'true') return json(200, metadata(select, table, columns))
  const records = table.records
    .filter((record) => call.operation === 'queryAll' || record['IsDeleted'] !== true)
    .filter(({ IsDeleted = false }) => (select.isDeleted ?? IsDeleted) === IsDeleted)
    .slice(0, select.limit)
  const url = `/services/data/v${call.route.version}/sobjects/${select.object}`
  return json(200, {
    totalSize: records.length,
    done: true,
    records: records.map((record) => ({
      attributes: { type: select.object, url: `${url}/${record['Id']}` },
      ...Object.fromEntries(columns.map((name) => [name, record[name]])),
    })),
  })
}

/** `/jobs/query`: there are no query jobs, and none can be created. */
export function queryJobs({ request }: Call): Reply {
  if (request.method === 'GET') return json(200, { done: true, records: [], nextRecordsUrl: null })
  const message = 'Implementation restriction: the sandbox runs no query jobs'
  return apiError(400, 'API_ERROR', message)
}

interface Table {
  readonly prefix: string
  /** Has every field that a record of the object has. */
  readonly sample: SObject
  readonly records: readonly SObject[]
}

function isKnown(object: string, { objects }: QueryDeps): boolean {
  return (
    ['Organization', 'User', 'UserPermissionAccess'].includes(object) ||
    objects.some(({ name }) => name === object)
  )
}

/** Undefined for records that the sandbox cannot list. */
function tableOf({ object, ids }: Select, deps: QueryDeps): Table | undefined {
  if (object === 'Organization') return ofOne('00D', organizationRecord(deps.organization), ids)
  if (object === 'User') return ofOne('005', userRecord(deps.organization), ids)
  if (object === 'UserPermissionAccess') {
    return ofOne('', permissionsOf(deps), undefined)
  }
  const prefix = deps.objects.find(({ name }) => name === object)?.prefix
  if (prefix === undefined || ids === undefined) return undefined
  const records = [...new Set(ids)].map((id) => recordOf(id, prefix, deps.org))
  const known = records.filter((record) => record !== undefined)
  return { prefix, sample: { Id: '', IsDeleted: false }, records: known }
}

/** The permissions of the user who asks. */
function permissionsOf({ settings }: QueryDeps): SObject {
  return { PermissionsApiEnabled: true, PermissionsBulkApiHardDelete: settings.allowHardDelete }
}

function ofOne(prefix: string, record: SObject, ids: Select['ids']): Table {
  const isAsked = ids === undefined || ids.some((id) => String(record['Id']).startsWith(id))
  return { prefix, sample: record, records: isAsked ? [record] : [] }
}

function recordOf(text: string, prefix: string, org: QueryDeps['org']): SObject | undefined {
  const id = parseIdText(text)
  const found = id?.prefix === prefixNumber(prefix) ? org.find(id) : undefined
  return found && { Id: to18(text.slice(0, ID_LENGTH)), IsDeleted: found === 'recycled' }
}

function nameOf(column: string, object: string, sample: SObject): string {
  const name = Object.keys(sample).find((key) => key.toLowerCase() === column.toLowerCase())
  if (name !== undefined) return name
  refuse(400, 'INVALID_FIELD', `No such column '${column}' on entity '${object}'`)
}

function metadata({ object }: Select, { prefix, sample }: Table, columns: readonly string[]) {
  return {
    columnMetadata: columns.map((name) => ({
      aggregate: false,
      apexType: typeOf(name, sample),
      booleanType: typeof sample[name] === 'boolean',
      columnName: name,
      custom: false,
      displayName: name,
      foreignKeyName: null,
      insertable: false,
      joinColumns: [],
      numberType: false,
      textType: name !== 'Id' && typeof sample[name] !== 'boolean',
      updatable: false,
    })),
    entityName: object,
    groupBy: false,
    idSelected: columns.includes('Id'),
    keyPrefix: prefix,
  }
}

function typeOf(name: string, sample: SObject): string {
  if (name === 'Id') return 'Id'
  return typeof sample[name] === 'boolean' ? 'Boolean' : 'String'
}

/** The supported queries: one object, its records by id. */
interface Select {
  /** As written in the query. */
  readonly columns: readonly string[]
  readonly object: string
  /** `Id = '…'` and `Id IN (…)`; undefined if the query names none. */
  readonly ids: readonly string[] | undefined
  /** `IsDeleted = …`. */
  readonly isDeleted: boolean | undefined
  readonly limit: number
}

const FORM =
  /^\s*SELECT\s+([\w\s,]+?)\s+FROM\s+(\w+)(?:\s+WHERE\s+(.+?))?(?:\s+LIMIT\s+(\d+))?\s*$/is
const BY_ID = /^Id\s*(?:=\s*'(\w*)'|IN\s*\(([\w\s',]*)\))$/i
const BY_DELETION = /^IsDeleted\s*=\s*(true|false)$/i

/** Undefined if the query has another form. */
function parseSelect(soql: string): Select | undefined {
  const [, columns, object, where, limit] = FORM.exec(soql) ?? []
  if (columns === undefined || object === undefined) return undefined
  let ids: readonly string[] | undefined
  let isDeleted: boolean | undefined
  for (const condition of where?.split(/\s+AND\s+/i) ?? []) {
    const [byId, one, list] = BY_ID.exec(condition.trim()) ?? []
    const [, deleted] = BY_DELETION.exec(condition.trim()) ?? []
    if (byId !== undefined) ids = one === undefined ? textsOf(list ?? '') : [one]
    else if (deleted !== undefined) isDeleted = deleted.toLowerCase() === 'true'
    else return undefined
  }
  return {
    columns: columns.split(/\s*,\s*/),
    object,
    ids,
    isDeleted,
    limit: Number(limit ?? Number.POSITIVE_INFINITY),
  }
}

const textsOf = (list: string) => [...list.matchAll(/'(\w*)'/g)].map(([, text = '']) => text)
