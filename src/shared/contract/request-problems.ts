import type { z } from 'zod'
import { RefusedError } from '../base/errors.ts'

/** Validation errors of a deletion request, field by field. */

/** One wrong field: its path, such as `source.ids.0`, and what was expected. */
interface FieldProblem {
  readonly field: string
  readonly message: string
}

/** The caller's input is not a valid deletion request. */
export class InvalidRequestError extends RefusedError {
  /** The first of the problems. */
  readonly problems: readonly FieldProblem[]
  /** The number of all problems. */
  readonly count: number

  constructor(problems: readonly FieldProblem[], count = problems.length) {
    super('INVALID_REQUEST', `The deletion request is not valid. ${sentenceOf(problems, count)}`)
    this.problems = problems
    this.count = count
  }
}

/** Enough for every field of a request, and a few of 10,000 wrong ids. */
const MOST_IN_A_SENTENCE = 20

/** Naming each of 300,000 unknown fields took 0.2 s. */
const MOST_PROBLEMS = 100

/** zod's issues as field problems, under the names that the caller used. */
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

/** Field names come from the caller, so they are truncated in messages. */
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
