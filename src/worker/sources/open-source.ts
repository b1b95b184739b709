import type { StoredSource } from '../../shared/contract/sources/sources.ts'
import { openFile } from './file.ts'
import { openHttp } from './http.ts'
import { openPostgres } from './postgres/postgres.ts'
import { openS3 } from './s3/s3.ts'
import { openSoql } from './soql.ts'
import type { SourceReading } from './source.ts'
import { openStaged } from './staged.ts'

/**
 * The bytes of a source: once, in order, with back-pressure. Leaving the loop early closes
 * everything; errors, including the signal's reason, are thrown into the loop.
 */
export function openSource(
  source: StoredSource,
  reading: SourceReading,
): AsyncIterable<Uint8Array> {
  switch (source.type) {
    case 'ids':
    case 'upload':
      return openStaged(reading)
    case 'file':
      return openFile(source, reading)
    case 'http':
      return openHttp(source, reading)
    case 'postgres':
      return openPostgres(source, reading)
    case 's3':
      return openS3(source, reading)
    case 'soql':
      return openSoql(source, reading)
    default:
      throw new TypeError(`Unknown source ${JSON.stringify(source satisfies never)}`)
  }
}
