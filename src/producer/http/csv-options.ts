import type { FieldProblem } from '../../shared/contract/request-problems.ts'

/**
 * A CSV is the body of its request, so that what a JSON request has as fields stands in the query
 * string, where everything is text. Nothing is checked here: what is no number stays text, and the
 * one parser of requests refuses it.
 */

const NUMBERS = new Set(['maxRecords', 'maxFailureRatio'])
const FLAGS = new Set(['dryRun', 'coalesce'])

/** The deletion request, its source an upload. */
export function requestOf(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { column, ...options } = query
  const fields = Object.entries(options).map(([name, text]) => [name, textToValue(name, text)])
  const source = { type: 'upload', ...(column === undefined ? {} : { column }) }
  // Not by assignment: a parameter named `source` must be refused, and one named __proto__ too.
  return Object.fromEntries([...fields, ['source', 'source' in query ? query['source'] : source]])
}

function textToValue(name: string, text: unknown): unknown {
  if (NUMBERS.has(name)) return numberIn(text)
  if (FLAGS.has(name)) return text === 'true' ? true : text === 'false' ? false : text
  return text
}

/** `null` is how a request says "never": without a brake, for one. */
function numberIn(text: unknown): unknown {
  if (text === 'null') return null
  return typeof text === 'string' && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)
    ? Number(text)
    : text
}

/** The problem under the name that the query string has for the field. */
export function inQuery({ field, message }: FieldProblem): FieldProblem {
  return { field: field === 'source.column' ? 'column' : field, message }
}
