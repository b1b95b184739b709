import { z } from 'zod'
import { decodeText, NotTextError } from '../../../shared/base/text-file.ts'

/** An object that a manifest names, and what it says about it. */
export interface ManifestEntry {
  /** The bucket's own name. */
  readonly bucket: string
  readonly key: string
  readonly bytes?: number | undefined
  readonly sha256?: string | undefined
}

/** As `UNLOAD … MANIFEST` of Redshift writes it and `COPY` reads it, with an optional SHA-256. */
const manifestSchema = z.object({
  entries: z.array(
    z.object({
      url: z.string(),
      meta: z.object({ content_length: z.int().min(0).optional() }).optional(),
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/)
        .optional(),
    }),
  ),
})

/** A line as Athena writes it, with an optional SHA-256: `s3://bucket/key`, `"s3://bucket/key",9f86…` */
const LINE = /^"?(s3:\/\/[^"]+?)"?(?:\s*,\s*"?([0-9a-fA-F]{64})"?)?$/
const URL = /^s3:\/\/([^/]+)\/(.+)$/s

/** The entries of a manifest, in its order; or what is wrong with it. */
export function parseManifest(content: Uint8Array): readonly ManifestEntry[] | string {
  try {
    const text = decodeText(content).trim()
    return text.startsWith('{') ? parseJson(text) : parseLines(text)
  } catch (error) {
    if (error instanceof NotTextError) return error.message
    if (error instanceof SyntaxError) return 'is not valid JSON'
    throw error
  }
}

const EXPECTED_URL = 'expected s3://bucket/key'

function parseJson(text: string): readonly ManifestEntry[] | string {
  const { data, error } = manifestSchema.safeParse(JSON.parse(text))
  if (data === undefined) {
    const [{ path = [], message = '' } = {}] = error.issues
    return `is not in the form {"entries":[{"url":"s3://…"}]}: ${path.join('.')}: ${message}`
  }
  const entries: ManifestEntry[] = []
  for (const [at, { url, meta, sha256 }] of data.entries.entries()) {
    const place = placeIn(url)
    if (place === undefined)
      return `has an entry without an object: entries.${at}.url: ${EXPECTED_URL}`
    entries.push({ ...place, bytes: meta?.content_length, sha256: sha256?.toLowerCase() })
  }
  return entries
}

function parseLines(text: string): readonly ManifestEntry[] | string {
  const entries: ManifestEntry[] = []
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const [, url = '', sha256] = LINE.exec(line.trim()) ?? []
    const place = placeIn(url)
    if (place === undefined)
      return `is neither JSON nor a list of objects: line ${at + 1}: ${EXPECTED_URL}`
    entries.push({ ...place, sha256: sha256?.toLowerCase() })
  }
  return entries
}

function placeIn(url: string): Pick<ManifestEntry, 'bucket' | 'key'> | undefined {
  const [, bucket, key] = URL.exec(url) ?? []
  return bucket === undefined || key === undefined ? undefined : { bucket, key }
}
