/** The queries that the sandbox understands: one object, its records by id. */
export interface Select {
  /** As the query spells them. */
  readonly columns: readonly string[]
  readonly object: string
  /** `Id = '…'` and `Id IN (…)`; undefined where the query names none. */
  readonly ids: readonly string[] | undefined
  /** `IsDeleted = …`. */
  readonly isDeleted: boolean | undefined
  readonly limit: number
}

const FORM =
  /^\s*SELECT\s+([\w\s,]+?)\s+FROM\s+(\w+)(?:\s+WHERE\s+(.+?))?(?:\s+LIMIT\s+(\d+))?\s*$/is
const BY_ID = /^Id\s*(?:=\s*'(\w*)'|IN\s*\(([\w\s',]*)\))$/i
const BY_DELETION = /^IsDeleted\s*=\s*(true|false)$/i

/** Undefined where the query is of another form. */
export function parseSelect(soql: string): Select | undefined {
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
