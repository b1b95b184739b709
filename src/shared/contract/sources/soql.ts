import { z } from 'zod'
import { isSameObject } from '../known-object.ts'
import { OBJECT_NAME } from '../objects.ts'
import { boundedText } from '../portable-schema.ts'
import { PLAIN_TEXT, sourceKind } from './kind.ts'
import { mismatchOf, readSoql } from './soql-query.ts'

/** Salesforce's limit of a query (SOQL and SOSL Limits). */
const MOST_CHARACTERS = 100_000

const query = boundedText(MOST_CHARACTERS, 1)
  .superRefine((text, context) => {
    const { problem } = readSoql(text)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })
  .describe(
    'SELECT Id FROM the object of the request, with any WHERE, ORDER BY and LIMIT. It runs as a query job of the org.',
  )

/** A rule: the records that a query of the org finds when the request is planned. */
export const soql = sourceKind({
  schema: z.strictObject({ type: z.literal('soql'), query }),
  stored: z.object({ type: z.literal('soql'), query: z.string() }),
  text: {
    ...PLAIN_TEXT,
    subject: 'The result of the query',
    isDecompressed: false,
  },
  takesUpload: false,
  scope: {
    expected: 'the API name of an object ("*" without a list for every object of the key)',
    parse: (text) => (OBJECT_NAME.test(text) ? text : undefined),
    holds: (objects, { query }) => {
      const { object } = readSoql(query)
      return object !== null && objects.some((allowed) => isSameObject(allowed, object))
    },
  },
  toStored: (source) => source,
  stage: () => null,
  count: () => null,
  // The text of the query is part of the request, like its object: another query is another request.
  place: () => ({}),
  words: ({ query }) => query,
  isRule: true,
  mismatch: ({ query }, object) => mismatchOf(query, object),
})
