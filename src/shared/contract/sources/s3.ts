import { z } from 'zod'
import { boundedText } from '../portable-schema.ts'
import { CONFIGURED_NAME, column, PLAIN_TEXT, sourceKind } from './kind.ts'

/** As S3: up to 1,024 bytes of UTF-8. A list in XML cannot hold control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it excludes.
const NO_CONTROLS = /^[^\x00-\x1f\x7f]*$/

const bucket = z
  .string()
  .regex(CONFIGURED_NAME, 'expected the name of a bucket in the configuration')
const key = boundedText(1024, 1).regex(NO_CONTROLS, 'expected a key without control characters')

/** An object in a bucket of the configuration. */
export const s3 = sourceKind({
  schema: z.strictObject({ type: z.literal('s3'), bucket, key, column }),
  stored: z.object({ type: z.literal('s3'), bucket: z.string(), key: z.string(), column }),
  text: PLAIN_TEXT,
  takesUpload: false,
  scope: {
    expected: 'a bucket, or bucket/folder ("*" without a list for every bucket)',
    parse: (text) => (CONFIGURED_NAME.test(text.split('/')[0] ?? '') ? text : undefined),
    holds: (places, { bucket, key }) => isInPlaces(places, bucket, key),
  },
  toStored: (source) => source,
  stage: () => null,
  count: () => null,
  place: ({ bucket, key }) => ({ bucket, key }),
})

/**
 * Whether a key is in one of these places: `exports`, `exports/crm`, `exports/crm/`. Servers on file
 * systems may resolve `..`.
 */
function isInPlaces(places: readonly string[], bucket: string, key: string): boolean {
  const path = `${bucket}/${key}`
  if (key.split('/').includes('..')) return false
  return places.some(
    (place) => path === place || path.startsWith(place.endsWith('/') ? place : `${place}/`),
  )
}
