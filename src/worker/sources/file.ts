import { SourceError } from '../../shared/base/errors.ts'
import {
  type ReadEvents,
  readSourceFile,
  type SourceFile,
} from '../../shared/contract/source-file.ts'
import { decompress } from './decompress.ts'
import type { Source } from './source.ts'

interface FileSourceOptions extends SourceFile {
  /** Hex digest of the bytes that the request is about, where it is known. */
  readonly sha256?: string | undefined
  readonly events?: ReadEvents
}

/**
 * A file that the worker sees, plain or compressed with gzip or zstd.
 *
 * Its loop throws RefusedError SOURCE_NOT_ALLOWED where the file is not under a root, and
 * SourceError where it is missing, unreadable, damaged, changes while it is read, or holds other
 * bytes than the request is about.
 */
export function fileSource({ sha256, events = {}, ...file }: FileSourceOptions): Source {
  const { path } = file
  const checked: ReadEvents = {
    ...events,
    ended: async (content) => {
      if (sha256 !== undefined && content.sha256 !== sha256) {
        throw otherContent(
          path,
          `sha256 ${sha256}`,
          `${content.bytes} bytes, sha256 ${content.sha256}`,
        )
      }
      await events.ended?.(content)
    },
  }
  return {
    describe: () => `file ${path}`,
    open: (signal) => decompress(readSourceFile(file, checked, signal), path),
  }
}

/** The file is another one than when the request was accepted, or first read. */
export function otherContent(path: string, expected: string, found: string): SourceError {
  return new SourceError(
    'SOURCE_CHANGED',
    `${path} does not hold what was asked for: expected ${expected}, found ${found}. Nothing was deleted. ` +
      'Put the file back and submit it under a new id, or submit what it holds now under a new id.',
  )
}
