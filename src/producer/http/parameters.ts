import { z } from 'zod'
import { DEFAULT_ORG, ORG_NAME, REQUEST_ID } from '../../shared/contract/request.ts'
import { invalidRequest } from '../../shared/contract/request-problems.ts'
import { HttpError } from './http-error.ts'
import { type Json, schemaOf } from './openapi/parts.ts'

/** The parameters in the path or the query string of a route: how they are read, and how documented. */
export interface ParameterSet<T> {
  readonly documented: readonly Json[]
  /** @throws InvalidRequestError, HttpError */
  readonly parse: (given: unknown) => T
}

/** Unknown names are refused where the schema is strict, as in bodies. */
export function query<T>(schema: z.ZodType<T>): ParameterSet<T> {
  const properties: Readonly<Record<string, Json>> = Object(
    schemaOf(schema, 'output')['properties'],
  )
  return {
    documented: Object.entries(properties).map(([name, one]) => parameter('query', name, one)),
    parse: (given) => parseFields(schema, given),
  }
}

/** A description stands beside the schema of a parameter. */
export function parameter(
  place: 'path' | 'query',
  name: string,
  { description, ...schema }: Json,
  isRequired = place === 'path',
): Json {
  return {
    ...{ name, in: place, schema },
    ...(isRequired ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
  }
}

const ORG = 'The Salesforce org, by its name.'
const orgName = z.string().regex(ORG_NAME, 'expected 1 to 64 letters, digits, "_" or "-"')

/** The org that a call is about, in every query string. */
export const orgParameter = orgName.default(DEFAULT_ORG).describe(ORG)
export const orgQuery = query(z.strictObject({ org: orgParameter }))
/** Where a body may name the org too. */
export const ownOrgQuery = query(z.strictObject({ org: orgName.optional().describe(ORG) }))

const requestId = z.string().regex(REQUEST_ID).describe('The id of the request, in any case.')
const idPath = z.object({ id: requestId })

/** The request that a path names; an id that no request can have is one that is not there. */
export const requestPath: ParameterSet<{ id: string }> = {
  documented: [parameter('path', 'id', schemaOf(requestId, 'output'))],
  parse: (given) => {
    const parsed = idPath.safeParse(given)
    if (parsed.success) return parsed.data
    throw new HttpError('UNKNOWN_REQUEST', 'No request can have this id.')
  },
}

/** @throws InvalidRequestError naming every wrong field */
export function parseFields<T>(schema: z.ZodType<T>, fields: unknown): T {
  const parsed = schema.safeParse(fields)
  if (!parsed.success) throw invalidRequest(parsed.error)
  return parsed.data
}
