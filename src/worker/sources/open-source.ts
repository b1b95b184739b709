import { openFile } from './file.ts'
import { openKeptPlan } from './kept-plan.ts'
import type { SourceReading } from './source.ts'
import { openStaged } from './staged.ts'

/**
 * The bytes of a request's source: once, in order, with back-pressure. Leaving the loop early
 * closes everything; errors, including the signal's reason, are thrown into the loop.
 */
export function openSource(reading: SourceReading): AsyncIterable<Uint8Array> {
  const { takes, request } = reading.record
  if (takes !== null) return openKeptPlan(takes, reading)
  const { source } = request
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
