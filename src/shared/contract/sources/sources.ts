import { z } from 'zod'
import { file } from './file.ts'
import { http } from './http.ts'
import { ids } from './ids.ts'
import type { SourceKind } from './kind.ts'
import { postgres } from './postgres.ts'
import { s3 } from './s3.ts'
import { soql } from './soql.ts'
import { upload } from './upload.ts'

/** Every kind of source by its `type`. All that differs between kinds is defined in the kind. */
export const SOURCES = { ids, upload, file, http, postgres, s3, soql }
export type SourceType = keyof typeof SOURCES

/** A source as callers write it. */
export const sourceSchema = z.discriminatedUnion('type', [
  ids.schema,
  upload.schema,
  file.schema,
  http.schema,
  postgres.schema,
  s3.schema,
  soql.schema,
])
/** A source as the ledger keeps it. */
export const storedSourceSchema = z.discriminatedUnion('type', [
  ids.stored,
  upload.stored,
  file.stored,
  http.stored,
  postgres.stored,
  s3.stored,
  soql.stored,
])

type WantedSource = z.output<typeof sourceSchema>
export type StoredSource = z.output<typeof storedSourceSchema>

/** The kind of a source. Its functions take sources of that type only. */
export function kindOf({
  type,
}: Pick<StoredSource, 'type'>): SourceKind<WantedSource, StoredSource> {
  return SOURCES[type]
}

export const SOURCE_TYPES = sourceSchema.options.map(({ shape }) => shape.type.value)

/** The source as people may see it. */
export const maskedSource = (source: StoredSource): StoredSource =>
  kindOf(source).masked?.(source) ?? source

/** The source in words: `file /data/ids.csv`, `upload`. */
export function wordsFor(source: StoredSource): string {
  const { words, place } = kindOf(source)
  return [source.type, words?.(source) ?? Object.values(place(maskedSource(source))).join(' ')]
    .join(' ')
    .trimEnd()
}
