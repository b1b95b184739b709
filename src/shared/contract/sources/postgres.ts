import { z } from 'zod'
import { boundedText } from '../portable-schema.ts'
import { column, PLAIN_TEXT, sourceKind } from './kind.ts'

/** Name of a connection in the configuration. */
const CONNECTION_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** What may stand before the first word of a query: blanks, comments, parentheses. */
const FIRST_WORD = /^(?:\s|\(|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*([A-Za-z]+)/
const READING = ['SELECT', 'WITH', 'VALUES', 'TABLE']

/** Whether the query begins like one that reads. Only PostgreSQL can tell the rest. */
const isReading = (query: string): boolean =>
  READING.includes(FIRST_WORD.exec(query)?.[1]?.toUpperCase() ?? '')

const connection = z.string().regex(CONNECTION_NAME)
const query = boundedText(20_000, 1)
  .refine((text) => !text.includes('\0'), 'expected a query without NUL')
  .refine(isReading, `expected one query that begins with ${READING.join(', ')}`)
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
    parse: (text) => (CONNECTION_NAME.test(text) ? text : undefined),
    holds: (names, { connection }) => names.includes(connection),
  },
  toStored: (source) => source,
  stage: () => null,
  count: () => null,
  place: ({ connection, query }) => ({ connection, query }),
})
