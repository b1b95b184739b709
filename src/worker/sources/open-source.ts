import { openFile } from './file.ts'
import type { SourceReading } from './source.ts'
import { openStaged } from './staged.ts'

/**
 * The bytes that a request's source holds: once, in order, with back-pressure. Leaving the loop early
 * closes whatever is open; what goes wrong is thrown into the loop, the signal's reason among it.
 */
export function openSource(reading: SourceReading): AsyncIterable<Uint8Array> {
  const { source } = reading.record.request
  switch (source.type) {
    case 'ids':
    case 'upload':
      return openStaged(reading)
    case 'file':
      return openFile(source, reading)
    default:
      throw new TypeError(`Unknown source ${JSON.stringify(source satisfies never)}`)
  }
}
