import { z } from 'zod'
import { OBJECT_NAME, OBJECT_NAME_FORM } from '../../shared/contract/objects.ts'
import { boundedText } from '../../shared/contract/portable-schema.ts'
import { STATUSES } from '../../shared/contract/receipt.ts'
import { DEFAULT_ORG, ORG_NAME, REQUEST_ID } from '../../shared/contract/request.ts'
import { invalidRequest } from '../../shared/contract/request-problems.ts'
import { HttpError } from './problem.ts'

/** What stands in paths and query strings. Unknown names are refused, as in bodies. */

const orgName = z.string().regex(ORG_NAME, 'expected 1 to 64 letters, digits, "_" or "-"')
const org = orgName.default(DEFAULT_ORG)

export const orgQuery = z.strictObject({ org })
/** Where a body may name the org too. */
export const ownOrgQuery = z.strictObject({ org: orgName.optional() })

const MOST_PER_PAGE = 100

export const listQuery = z.strictObject({
  org,
  status: z.enum(STATUSES).optional(),
  object: z.string().regex(OBJECT_NAME, `expected ${OBJECT_NAME_FORM}`).optional(),
  limit: z
    .string()
    .regex(/^[0-9]{1,9}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(MOST_PER_PAGE))
    .default(50),
  cursor: z.string().max(500).optional(),
})

/** Why something is done, for receipt and audit log. */
export const actionBody = z.strictObject({ reason: boundedText(1000).optional() })

export const approvalBody = actionBody.extend({
  plan: z
    .string()
    .max(64)
    .optional()
    .describe(
      'sha256 of the plan that was looked at: where another one waits, it is not approved.',
    ),
})

export const RESULT_FILE_NAMES = [
  'failed.csv',
  'unprocessed.csv',
  'invalid.csv',
  'deleted.csv',
] as const

const idPath = z.object({ id: z.string().regex(REQUEST_ID) })
const filePath = z.object({ file: z.enum(RESULT_FILE_NAMES) })

/** @throws InvalidRequestError naming every wrong field */
export function parseFields<T>(schema: z.ZodType<T>, fields: unknown): T {
  const parsed = schema.safeParse(fields)
  if (!parsed.success) throw invalidRequest(parsed.error)
  return parsed.data
}

/** The request that a path names; one that cannot be is one that is not there. */
export function idIn(params: unknown): string {
  const parsed = idPath.safeParse(params)
  if (parsed.success) return parsed.data.id
  throw new HttpError('UNKNOWN_REQUEST', 'No request can have this id.')
}

export function resultFileIn(params: unknown): (typeof RESULT_FILE_NAMES)[number] {
  const parsed = filePath.safeParse(params)
  if (parsed.success) return parsed.data.file
  throw new HttpError('NO_RESULT_FILE', `Expected one of ${RESULT_FILE_NAMES.join(', ')}.`)
}
