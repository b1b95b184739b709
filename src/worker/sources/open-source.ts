import type { SourceType, StoredSource } from '../../shared/contract/sources/sources.ts'
import { file } from './file.ts'
import type { SourceOf, SourceOpener, SourceReading } from './source.ts'
import { staged } from './staged.ts'

const OPENERS: { readonly [Type in SourceType]: SourceOpener<SourceOf<Type>> } = {
  ids: staged,
  upload: staged,
  file,
}

/** The bytes that a request's source holds, read once. */
export function openSource(reading: SourceReading): AsyncIterable<Uint8Array> {
  const { source } = reading.record.request
  const opener: SourceOpener<StoredSource> = OPENERS[source.type]
  return opener.open(source, reading)
}
