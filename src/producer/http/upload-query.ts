import { labelsIn, labelTexts } from '../../shared/contract/labels.ts'
import {
  type DeletionRequest,
  parseRequest,
  requestJsonSchema,
} from '../../shared/contract/request.ts'
import { InvalidRequestError } from '../../shared/contract/request-problems.ts'
import { type Json, schemaOf } from './openapi/parts.ts'
import { type ParameterSet, parameter } from './parameters.ts'

const COLUMN = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  description: 'Column that holds the ids; Id where absent.',
}

const LABEL = {
  ...schemaOf(labelTexts, 'output'),
  description: 'A label, as name=value; repeated for each.',
}

/**
 * A CSV is the body of its request, so the fields of a JSON request are in the query string, where
 * everything is text.
 */
export const uploadQuery: ParameterSet<DeletionRequest> = {
  documented: documented(),
  parse: (query) => {
    const fields = typeof query === 'object' && query !== null ? { ...query } : {}
    try {
      return parseRequest(requestOf(fields), Date.now())
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) throw error
      const problems = error.problems.map(({ field, message }) => ({
        field: field === 'source.column' ? 'column' : field.replace(/^labels\./, 'label.'),
        message,
      }))
      throw new InvalidRequestError(problems, error.count)
    }
  },
}

const NUMBERS = new Set(['maxRecords', 'maxFailureRatio', 'expectCount'])
const FLAGS = new Set(['refuseActive', 'dryRun', 'deletedFile', 'coalesce'])

/**
 * The deletion request, with an upload as its source. It is not validated here: an invalid number
 * stays text, and the request parser rejects it.
 */
function requestOf(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { column, label, ...options } = query
  const fields = Object.entries(options).map(([name, text]) => [name, textToValue(name, text)])
  const source = { type: 'upload', ...(column === undefined ? {} : { column }) }
  // First, so that a parameter named `labels` is rejected.
  const labels = label === undefined ? [] : [['labels', labelsIn([label].flat().map(String))]]
  // Not by assignment, so that a parameter named `source` or __proto__ is rejected.
  return Object.fromEntries([
    ...labels,
    ...fields,
    ['source', 'source' in query ? query['source'] : source],
  ])
}

function textToValue(name: string, text: unknown): unknown {
  if (NUMBERS.has(name)) return numberIn(text)
  if (FLAGS.has(name)) return text === 'true' ? true : text === 'false' ? false : text
  return text
}

/** A request uses `null` for "never", for example to disable the brake. */
function numberIn(text: unknown): unknown {
  if (text === 'null') return null
  return typeof text === 'string' && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)
    ? Number(text)
    : text
}

function documented(): readonly Json[] {
  const { properties, required } = Object(requestJsonSchema())
  const { source: _, labels: __, ...fields } = properties
  return Object.entries({ ...fields, label: LABEL, column: COLUMN }).map(([name, schema]) =>
    parameter('query', name, inQuery(Object(schema), name), required.includes(name)),
  )
}

/**
 * A query string has no null: an absent parameter is null, and if null is not the default, it is a
 * word.
 */
function inQuery({ default: fallback, anyOf, ...rest }: Json, name: string): Json {
  const otherwise = fallback === null || fallback === undefined ? {} : { default: fallback }
  if (!Array.isArray(anyOf)) return { ...rest, ...otherwise }
  const variants = anyOf.map(Object).filter(({ type }) => type !== 'null')
  if (name === 'maxFailureRatio') variants.push({ type: 'string', enum: ['null'] })
  const [only] = variants
  return { ...rest, ...(variants.length === 1 ? only : { anyOf: variants }), ...otherwise }
}
