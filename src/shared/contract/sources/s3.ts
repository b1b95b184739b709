import { z } from 'zod'
import { boundedText } from '../portable-schema.ts'
import { CONFIGURED_NAME, column, PLAIN_TEXT, sourceKind } from './kind.ts'

/** As S3: up to 1,024 bytes of UTF-8. A list in XML cannot hold control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it excludes.
const NO_CONTROLS = /^[^\x00-\x1f\x7f]*$/

const bucket = z
  .string()
  .regex(CONFIGURED_NAME, 'expected the name of a bucket in the configuration')
const key = boundedText(1024, 1)
  .regex(NO_CONTROLS, 'expected a key without control characters')
  .optional()

const PLACES = ['key', 'prefix', 'manifest'] as const

/** Objects in a bucket of the configuration. */
export const s3 = sourceKind({
  schema: z
    .strictObject({
      type: z.literal('s3'),
      bucket,
      key: key.describe('The key of one object. A source has a key, a prefix or a manifest.'),
      prefix: key.describe('How the keys of several objects begin. They are read in this order.'),
      manifest: key.describe('The key of a list of objects, as Redshift and Athena write it.'),
      column,
    })
    .refine((source) => PLACES.filter((place) => source[place] !== undefined).length === 1, {
      message: 'expected one of key, prefix and manifest',
    }),
  stored: z.object({
    type: z.literal('s3'),
    bucket: z.string(),
    key: z.string().optional(),
    prefix: z.string().optional(),
    manifest: z.string().optional(),
    column,
  }),
  text: PLAIN_TEXT,
  takesUpload: false,
  scope: {
    expected: 'a bucket, or bucket/folder ("*" without a list for every bucket)',
    parse: (text) => (CONFIGURED_NAME.test(text.split('/')[0] ?? '') ? text : undefined),
    holds: (places, { bucket, key, prefix, manifest }) =>
      // Whether the objects of a manifest are in these places is seen when it is read.
      isWithin(places, bucket, key ?? prefix ?? manifest ?? '', { isPrefix: prefix !== undefined }),
  },
  toStored: (source) => source,
  stage: () => null,
  count: () => null,
  place: (source) => {
    const [place = 'key'] = PLACES.filter((place) => source[place] !== undefined)
    return { bucket: source.bucket, [place]: source[place] ?? '' }
  },
})

/**
 * Whether objects are in one of these places: `exports`, `exports/crm`, `exports/crm/`. Servers on
 * file systems may resolve `..`.
 *
 * @param options.isPrefix `crm` as a prefix also means `crm2/a.csv`
 */
export function isWithin(
  places: readonly string[],
  bucket: string,
  key: string,
  { isPrefix = false } = {},
): boolean {
  const path = `${bucket}/${key}`
  if (key.split('/').includes('..')) return false
  return places.some(
    (place) =>
      (path === place && !isPrefix) || path.startsWith(place.endsWith('/') ? place : `${place}/`),
  )
}
