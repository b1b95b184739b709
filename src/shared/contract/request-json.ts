import { z } from 'zod'
import { type StoredRequest, storedSchema } from './request.ts'
import { hasExcept } from './sources/lists.ts'

/**
 * A request as JSON in the ledger. A version ignores fields that it does not know, so that two can run
 * side by side. Of a field that protects records, that would delete what it protects. The names of such
 * fields follow the type of the source (`file+except`), so that a version that does not know one of
 * them cannot read the request, and leaves it to the others. The type is used because versions without
 * this rule refuse an unknown one, too.
 */

/** By name: the fields added since, and whether a request uses them. Never remove one. */
const GUARDS: Readonly<Record<string, (request: StoredRequest) => boolean>> = {
  except: ({ source }) => hasExcept(source),
  refuseActive: ({ refuseActive }) => refuseActive,
}

const SEPARATOR = '+'

/** The request as the ledger keeps it. */
export function storedRequestJson(request: StoredRequest): string {
  const used = Object.keys(GUARDS).filter((name) => GUARDS[name]?.(request))
  const { source } = request
  const type = [source.type, ...used].join(SEPARATOR)
  return JSON.stringify({ ...request, source: { ...source, type } })
}

const marked = z.looseObject({ source: z.looseObject({ type: z.string() }) })

/** Parses a request read from the ledger. Throws if Redis holds something else. */
export function parseStoredRequest(json: string): StoredRequest {
  const { source, ...request } = marked.parse(JSON.parse(json))
  const [type, ...used] = source.type.split(SEPARATOR)
  const isKnown = used.every((name) => Object.hasOwn(GUARDS, name))
  return storedSchema.parse({ ...request, source: isKnown ? { ...source, type } : source })
}
