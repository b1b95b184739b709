import type { z } from 'zod'
import { RefusedError } from '../base/errors.ts'

/** What is wrong with what a caller sent, field by field. */

/** One wrong field of a request: its path as in `source.ids.0`, and what was expected. */
interface FieldProblem {
  readonly field: string
  readonly message: string
}

/** What a caller sent is no deletion request. */
export class InvalidRequestError extends RefusedError {
  /** The first of them. */
  readonly problems: readonly FieldProblem[]
  /** How many there are. */
  readonly count: number

  constructor(problems: readonly FieldProblem[], count = problems.length) {
    super('INVALID_REQUEST', `The deletion request is not valid. ${sentenceOf(problems, count)}`)
    this.problems = problems
    this.count = count
  }
}

/** Enough for every field of a request; of 10,000 wrong ids a few will do. */
const MOST_IN_A_SENTENCE = 20

/** To name each of 300,000 unknown fields took 0.2 s. */
const MOST_PROBLEMS = 100

/** What zod has refused, field by field, under the names that the caller knows. */
export function invalidRequest(error: z.ZodError): InvalidRequestError {
  const problems: FieldProblem[] = []
  let count = 0
  for (const issue of error.issues) {
    const room = MOST_PROBLEMS - problems.length
    if (issue.code === 'unrecognized_keys') {
      count += issue.keys.length
      const keys = issue.keys.slice(0, room)
      problems.push(...keys.map((key) => problem([...issue.path, key], 'unknown field')))
    } else {
      count++
      if (room > 0) problems.push(problem(issue.path, issue.message))
    }
  }
  return new InvalidRequestError(problems, count)
}

function problem(path: readonly PropertyKey[], message: string): FieldProblem {
  return { field: pathOf(path), message }
}

/** A caller's own words are no longer than this in what is said of them. */
const MOST_OF_A_PATH = 100

function pathOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'request' : path.map(String).join('.').slice(0, MOST_OF_A_PATH)
}

function sentenceOf(problems: readonly FieldProblem[], count: number): string {
  const named = problems.slice(0, MOST_IN_A_SENTENCE)
  const shown = named.map(({ field, message }) => `${field}: ${message}`)
  const more = count - shown.length
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ')
}
