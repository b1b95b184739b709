import { ConfigError, RefusedError, SourceError } from '../../../shared/base/errors.ts'
import { BucketError } from '../../../shared/bucket/errors.ts'

/** What a request ends with if its objects cannot be read. Other errors are returned unchanged. */
export function toSourceError(error: unknown): unknown {
  if (error instanceof ConfigError) return failed('SOURCE_NOT_READABLE', error.message)
  if (!(error instanceof BucketError)) return error
  switch (error.code) {
    case 'BUCKET_NOT_FOUND':
    case 'OBJECT_NOT_FOUND':
      return failed('SOURCE_NOT_FOUND', error.message)
    case 'PRECONDITION_FAILED':
      return failed('SOURCE_CHANGED', error.message)
    default:
      return failed('SOURCE_NOT_READABLE', error.message)
  }
}

export function failed(code: SourceError['code'], why: string): SourceError {
  return new SourceError(code, why)
}

export function notConfigured(name: string, known: readonly string[]): RefusedError {
  const names = known.length === 0 ? 'none is configured' : `it has ${known.join(', ')}`
  return new RefusedError(
    'SOURCE_NOT_ALLOWED',
    `The bucket "${name}" is not in the configuration of the worker (${names}). ` +
      'Add it to sources.buckets, or name one of them.',
  )
}

export function changed(place: string): SourceError {
  return failed(
    'SOURCE_CHANGED',
    `${place} is not as the first attempt to plan the request found it: objects were added, removed or replaced since.`,
  )
}
