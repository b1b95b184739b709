import { z } from 'zod'
import { boundedText } from '../portable-schema.ts'
import { PLAIN_TEXT, sourceKind } from './kind.ts'

const MAX_INLINE_IDS = 10_000

/** No control character (Unicode category Cc), quote or CSV separator. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it excludes.
const NO_CONTROLS_QUOTES_SEPARATORS = /^[^\x00-\x1f\x7f-\x9f",;|]*$/

/** Becomes a row of a one-column CSV. A value that would need quotes is no record id anyway. */
const inlineId = boundedText(255).regex(
  NO_CONTROLS_QUOTES_SEPARATORS,
  'expected a record id, got text with quotes, separators or control characters',
)

/** A list in the request. It is staged, so that no id stays in the ledger or in job data. */
export const ids = sourceKind({
  schema: z.strictObject({
    type: z.literal('ids'),
    ids: z.array(inlineId).max(MAX_INLINE_IDS).readonly(),
  }),
  stored: z.object({ type: z.literal('ids') }),
  text: {
    ...PLAIN_TEXT,
    firstLine: 0,
    unit: 'id',
    place: (line, rows) => `id ${line} of ${rows}`,
  },
  takesUpload: false,
  toStored: ({ type }) => ({ type }),
  stage: ({ ids }) => Buffer.from(['Id', ...ids, ''].join('\n')),
  count: ({ ids }) => ids.length,
  place: () => ({}),
})
