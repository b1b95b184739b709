import { SourceError } from '../../shared/base/errors.ts'
import {
  type FileState,
  readSourceFile,
  type SourceContent,
} from '../../shared/contract/sources/read-file.ts'
import type { StoredList } from '../../shared/contract/sources/sources.ts'
import { decompress } from './decompress.ts'
import type { SourceNotes, SourceReading } from './source.ts'

/** A file that the worker can read, plain or compressed with gzip or zstd. */
export function openFile(
  { path, sha256 }: Extract<StoredList, { readonly type: 'file' }>,
  { record, guards, notes, signal }: SourceReading,
): AsyncIterable<Uint8Array> {
  const within = record.limits?.files ?? null
  const places = { roots: guards.fileRoots, base: guards.fileBase, within }
  return readFileOnce({ path, ...places }, { sha256, pin: notes.pin }, signal)
}

/** The content that the file must have. */
interface Expected {
  /** The hex digest of the requested content, if known. */
  readonly sha256?: string | undefined
  /** Compares the file with what an earlier attempt found. */
  readonly pin?: SourceNotes['pin']
}

/**
 * A worker may die while it plans. The next attempt must not plan content that was written to the
 * file since: size and modification time reveal that before the first attempt has read the whole
 * file, the digest afterwards. A stale attempt has no effect, so it needs no check.
 *
 * @throws RefusedError SOURCE_NOT_ALLOWED if the file is not under a root
 *
 * @throws SourceError if it is missing, unreadable or damaged, changes while it is read, or does
 *   not have the requested content
 */
export function readFileOnce(
  source: Parameters<typeof readSourceFile>[0],
  { sha256, pin }: Expected = {},
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const { path } = source
  const assertSame = async (note: 'seen' | 'content', found: FileState | SourceContent) => {
    if ((await pin?.(note, { ...found })) !== 'other') return
    const expected = 'the bytes that the first attempt to plan it found'
    throw otherContent(path, expected, `${found.bytes} others`)
  }
  const events: Parameters<typeof readSourceFile>[1] = {
    opened: (value) => assertSame('seen', value),
    ended: async (value) => {
      if (sha256 !== undefined && value.sha256 !== sha256) {
        const found = `${value.bytes} bytes, sha256 ${value.sha256}`
        throw otherContent(path, `sha256 ${sha256}`, found)
      }
      await assertSame('content', value)
    },
  }
  return decompress(readSourceFile(source, events, signal), path)
}

/** The file differs from the one that was accepted, or first read. */
function otherContent(path: string, expected: string, found: string): SourceError {
  return new SourceError(
    'SOURCE_CHANGED',
    `${path} does not have the content of the request: expected ${expected}, found ${found}. ` +
      'Restore the file, or submit its present content; use a new id in both cases.',
  )
}
