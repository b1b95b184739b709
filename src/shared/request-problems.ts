import type { z } from 'zod'
import { RefusedError } from './errors.ts'

/** What is wrong with what a caller sent, field by field. */

/** One wrong field of a request: its path as in `source.ids.0`, and what was expected. */
export interface FieldProblem {
  readonly field: string
  readonly message: string
}

/** What a caller sent is no deletion request. */
export class InvalidRequestError extends RefusedError {
  readonly problems: readonly FieldProblem[]

  constructor(problems: readonly FieldProblem[]) {
    super('INVALID_REQUEST', `The deletion request is not valid. ${sentenceOf(problems)}`)
    this.problems = problems
  }
}

/** Enough for every field of a request; of 10,000 wrong ids a few will do. */
const MOST_PROBLEMS = 20

/** Every wrong field of what zod has refused, under the name that the caller knows. */
export function problemsOf(error: z.ZodError): readonly FieldProblem[] {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: pathOf([...issue.path, key]), message: 'unknown field' }))
      : [{ field: pathOf(issue.path), message: issue.message }],
  )
}

/** A caller's own words are no longer than this in what is said of them. */
const MOST_OF_A_PATH = 100

function pathOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'request' : path.map(String).join('.').slice(0, MOST_OF_A_PATH)
}

function sentenceOf(problems: readonly FieldProblem[]): string {
  const shown = problems.slice(0, MOST_PROBLEMS).map(({ field, message }) => `${field}: ${message}`)
  const more = problems.length - shown.length
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ')
}
