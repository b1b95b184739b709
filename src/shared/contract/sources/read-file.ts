import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { codeOf, RefusedError, SourceError } from '../../base/errors.ts'
import type { FilePlaces } from './kind.ts'

/** A file that ids are read from, at submission and when the request is planned. */
interface SourceFile extends FilePlaces {
  /** As the request gives it. */
  readonly path: string
}

/** Size and digest of a source's content. */
export interface SourceContent {
  readonly bytes: number
  /** Hex SHA-256; of a compressed file, of the compressed bytes. */
  readonly sha256: string
}

/** Tells whether a file was changed, without reading it. */
export interface FileState {
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number
}

/** Called while a file is read. If one throws, reading ends. */
interface ReadEvents {
  opened?(state: FileState): Promise<void>
  /** After the last byte, before the reader sees the end. */
  ended?(content: SourceContent): Promise<void>
}

const BLOCK_BYTES = 512 * 1024

/**
 * The bytes of a file under a root, hashed while they are read: 60 ms for 98.8 MB, a tenth of the time
 * that planning them takes.
 *
 * @throws RefusedError SOURCE_NOT_ALLOWED if the file is not under a root
 * @throws SourceError if it is missing, unreadable, or changes while it is read
 */
export async function* readSourceFile(
  source: SourceFile,
  events: ReadEvents = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { path } = source
  const file = await openAllowed(source)
  const hash = createHash('sha256')
  try {
    const before = await file.stat()
    if (!before.isFile()) throw notReadable(path, 'it is not a regular file')
    await events.opened?.({ bytes: before.size, modifiedAt: before.mtimeMs })
    let bytes = 0
    for (;;) {
      signal?.throwIfAborted()
      const block = await readBlock(file, path)
      if (block.length === 0) break
      hash.update(block)
      bytes += block.length
      yield block
    }
    if (hasChanged(before, await file.stat(), bytes)) throw changed(path)
    await events.ended?.({ bytes, sha256: hash.digest('hex') })
  } finally {
    await file.close()
  }
}

async function readBlock(file: FileHandle, path: string): Promise<Uint8Array> {
  // Neither from Node's pool nor zero-filled: it is overwritten at once.
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  try {
    const { bytesRead } = await file.read(block, 0, block.length)
    return block.subarray(0, bytesRead)
  } catch (error) {
    throw readFailure(path, error)
  }
}

/** Opens the file that the path resolves to, if it is under a root. */
async function openAllowed(source: SourceFile): Promise<FileHandle> {
  const { path, roots, within = null } = source
  if (roots.length === 0 || path.split(/[/\\]/).includes('..')) throw notAllowed(path, roots)
  const wanted = absolute(source)
  const realRoots = await Promise.all(roots.map(realRoot))
  // Before the disk is read, so that a caller cannot probe for files in folders they may not read.
  const nominal = [...roots.map((root) => resolve(root)), ...realRoots]
  if (!nominal.some((root) => isUnder(wanted, root))) throw notAllowed(path, roots)
  try {
    const real = await realpath(wanted)
    if (!realRoots.some((root) => isUnder(real, root))) throw notAllowed(path, roots)
    if (within !== null) await assertWithin(real, within, path)
    // Follow no link created since, and do not block on a pipe without a writer.
    return await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    throw error instanceof RefusedError ? error : readFailure(path, error)
  }
}

function absolute({ path, roots: [firstRoot], base = firstRoot ?? null }: SourceFile): string {
  if (isAbsolute(path)) return resolve(path)
  if (base !== null) return join(resolve(base), path)
  throw new RefusedError(
    'SOURCE_NOT_ALLOWED',
    `${path} is a relative path, which starts at the first folder of files.roots, and that folder differs between ` +
      'the processes of the org. Give the absolute path, or set the same files.roots everywhere and run expunge policy --apply.',
  )
}

async function realRoot(root: string): Promise<string> {
  try {
    return await realpath(root)
  } catch {
    // A root that does not exist holds no file, so the path will not be found.
    return resolve(root)
  }
}

/** Checks the resolved path too: a link in a caller's folder may lead to another's. */
async function assertWithin(real: string, within: readonly string[], path: string): Promise<void> {
  const places = await Promise.all(within.map(realRoot))
  if (places.some((place) => isAtOrUnder(real, place))) return
  throw new RefusedError(
    'SOURCE_NOT_ALLOWED',
    `${path} is outside the folders that its caller may read (${within.join(', ')}). ` +
      "Move the file there, or add its folder to the key's sources.",
  )
}

/** The time alone is not enough: writes within one Linux clock tick (about 4 ms) get the same time. */
function hasChanged(before: Stats, after: Stats, length: number): boolean {
  return before.size !== length || after.size !== length || after.mtimeMs !== before.mtimeMs
}

function notAllowed(path: string, roots: readonly string[]): RefusedError {
  const allowed = roots.length === 0 ? 'none is configured' : roots.join(', ')
  return new RefusedError(
    'SOURCE_NOT_ALLOWED',
    `${path} is not under a folder that the worker may read (${allowed}). ` +
      'Move the file there, or add its folder to files.roots in the configuration.',
  )
}

function readFailure(path: string, error: unknown): SourceError {
  const code = codeOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const message = `${path} does not exist on the worker's machine. Check the path, and that its folder is mounted there.`
    return new SourceError('SOURCE_NOT_FOUND', message, { cause: error })
  }
  return notReadable(path, code ?? 'reading failed', { cause: error })
}

function notReadable(path: string, why: string, options?: ErrorOptions): SourceError {
  const message = `${path} cannot be read: ${why}. Expected a regular file that the worker's user may read.`
  return new SourceError('SOURCE_NOT_READABLE', message, options)
}

function changed(path: string): SourceError {
  return new SourceError(
    'SOURCE_CHANGED',
    `${path} changed while it was read. Submit it again when the file is complete.`,
  )
}

/** Whether an absolute path lies under a folder, by its name. Links are not followed. */
function isUnder(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

export function isAtOrUnder(path: string, place: string): boolean {
  return relative(place, path) === '' || isUnder(path, place)
}
