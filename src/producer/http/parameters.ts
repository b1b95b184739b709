import { z } from 'zod'
import { DEFAULT_ORG, ORG_NAME } from '../../shared/contract/org-name.ts'
import { REQUEST_ID } from '../../shared/contract/request.ts'
import { invalidRequest } from '../../shared/contract/request-problems.ts'
import { HttpError } from './http-error.ts'
import { type Json, schemaOf } from './openapi/parts.ts'

/** The path or query parameters of a route, with their parser and documentation. */
export interface ParameterSet<T> {
  readonly documented: readonly Json[]
  /** @throws InvalidRequestError, HttpError */
  readonly parse: (given: unknown) => T
}

/** A strict schema rejects unknown names, as in bodies. */
export function query<T>(schema: z.ZodType<T>): ParameterSet<T> {
  const properties: Readonly<Record<string, Json>> = Object(
    schemaOf(schema, 'output')['properties'],
  )
  return {
    documented: Object.entries(properties).map(([name, one]) => parameter('query', name, one)),
    parse: (given) => parseFields(schema, given),
  }
}

/** A parameter's description is placed beside its schema. */
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

/** The org of a call, in every query string. */
export const orgParameter = orgName.default(DEFAULT_ORG).describe(ORG)
export const orgQuery = query(z.strictObject({ org: orgParameter }))
/** For calls whose body may also name the org. */
export const ownOrgQuery = query(z.strictObject({ org: orgName.optional().describe(ORG) }))

const requestId = z.string().regex(REQUEST_ID).describe('The id of the request, in any case.')
const idPath = z.object({ id: requestId })

/** The request named by a path; an invalid id is reported as an unknown request. */
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
