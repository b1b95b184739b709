import { z } from 'zod'
import { file } from './file.ts'
import { ids } from './ids.ts'
import type { SourceKind } from './kind.ts'
import { upload } from './upload.ts'

/** Every kind of source, by its `type`. What differs between them is asked of the kind alone. */
export const SOURCES = { ids, upload, file }
export type SourceType = keyof typeof SOURCES

/** As a caller writes it. */
export const sourceSchema = z.discriminatedUnion('type', [ids.schema, upload.schema, file.schema])
/** As the ledger keeps it. */
export const storedSourceSchema = z.discriminatedUnion('type', [
  ids.stored,
  upload.stored,
  file.stored,
])

type WantedSource = z.output<typeof sourceSchema>
export type StoredSource = z.output<typeof storedSourceSchema>

/** The kind of a source, to be asked about sources of that type alone. */
export function kindOf({
  type,
}: Pick<StoredSource, 'type'>): SourceKind<WantedSource, StoredSource> {
  return SOURCES[type]
}

export const SOURCE_TYPES = sourceSchema.options.map(({ shape }) => shape.type.value)

/** `file /data/ids.csv`, `upload`: what a source is called. */
export const wordsFor = (source: StoredSource): string =>
  [source.type, ...Object.values(kindOf(source).place(source))].join(' ')
