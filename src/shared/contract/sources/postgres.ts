import { z } from 'zod'
import { boundedText } from '../portable-schema.ts'
import { CONFIGURED_NAME, column, PLAIN_TEXT, sourceKind } from './kind.ts'

/** What may stand before the first word of a query: blanks, comments, parentheses. */
const FIRST_WORD = /^(?:\s|\(|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*([A-Za-z]+)/
const READING = ['SELECT', 'WITH', 'VALUES', 'TABLE']

/** Whether the query begins like one that reads. Only PostgreSQL can tell the rest. */
const isReading = (query: string): boolean =>
  READING.includes(FIRST_WORD.exec(query)?.[1]?.toUpperCase() ?? '')

const connection = z.string().regex(CONFIGURED_NAME)
const query = boundedText(20_000, 1)
  .refine((text) => !text.includes('\0'), 'expected a query without NUL')
  .refine(isReading, 'expected one query that begins with SELECT, WITH, VALUES or TABLE')
  .describe('One query that reads. It runs in a read-only transaction.')

/** The rows of a query in PostgreSQL, one id each. */
export const postgres = sourceKind({
  schema: z.strictObject({ type: z.literal('postgres'), connection, query, column }),
  stored: z.object({
    type: z.literal('postgres'),
    connection: z.string(),
    query: z.string(),
    column,
  }),
  text: {
    ...PLAIN_TEXT,
    subject: 'The query',
    place: (line) => `row ${line}`,
    isDecompressed: false,
    layout: 'values',
  },
  takesUpload: false,
  scope: {
    expected: 'the name of a connection ("*" without a list for every connection)',
    parse: (text) => (CONFIGURED_NAME.test(text) ? text : undefined),
    holds: (names, { connection }) => names.includes(connection),
  },
  toStored: (source) => source,
  stage: () => null,
  count: () => null,
  place: ({ connection, query }) => ({ connection, query }),
})
