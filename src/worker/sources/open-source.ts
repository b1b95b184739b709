import type { StoredList } from '../../shared/contract/sources/sources.ts'
import { openFile } from './file.ts'
import { openHttp } from './http.ts'
import { openPostgres } from './postgres/postgres.ts'
import { openS3 } from './s3/s3.ts'
import { openSoql } from './soql.ts'
import type { SourcePart, SourceReading } from './source.ts'
import { openStaged } from './staged.ts'

/**
 * The parts of a source: once, in order, with back-pressure. Leaving the loop early closes
 * everything; errors, including the signal's reason, are thrown into the loop.
 */
export function openSource(source: StoredList, reading: SourceReading): AsyncIterable<SourcePart> {
  switch (source.type) {
    case 'ids':
    case 'upload':
      return onePart(openStaged(reading))
    case 'file':
      return onePart(openFile(source, reading))
    case 'http':
      return onePart(openHttp(source, reading))
    case 'postgres':
      return onePart(openPostgres(source, reading))
    case 's3':
      return openS3(source, reading)
    case 'soql':
      return onePart(openSoql(source, reading))
    default:
      throw new TypeError(`Unknown source ${JSON.stringify(source satisfies never)}`)
  }
}

async function* onePart(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<SourcePart> {
  yield { name: null, bytes }
}
