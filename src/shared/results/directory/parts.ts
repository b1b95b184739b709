import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { effect } from '../../base/trace.ts'
import type { ResultFile } from '../../contract/receipt.ts'
import { csvLine } from '../csv.ts'
import type { Joined } from '../results-store.ts'
import {
  createFile,
  isAsWritten,
  linked,
  makeFolder,
  onPath,
  renameIfThere,
  renameOver,
  temporaryName,
} from './files.ts'

/** The parts of a request's result files. They are joined when the request settles. */

/** Has one file for each time a chunk was collected. */
export const partsFolder = (folder: string): string => join(folder, 'parts')

interface Joining {
  readonly folder: string
  readonly name: string
  readonly header: readonly string[]
  /** In the order in which they are joined. */
  readonly parts: readonly ResultFile[]
  /** Checks that the directory is still the results store. */
  readonly check: () => Promise<void>
  /** If parts are broken: true joins the others, false leaves the file as it is. */
  readonly salvage: boolean
}

/**
 * Joins parts, each with its own header, to a result file. Reads every part once and compares it
 * with what was written; a part that differs is broken.
 */
export async function joinParts(joining: Joining): Promise<Joined> {
  const { folder, name, parts, check, salvage } = joining
  const path = join(folder, name)
  if (parts.length === 0) {
    // A file may be left from a time that a restored ledger does not know.
    await rm(path, { force: true })
    return { file: null, broken: [] }
  }
  // If the store is not mounted, every part would seem lost.
  await check()
  await makeFolder(partsFolder(folder))
  // In the parts folder: files that a crash leaves are removed with the parts.
  const temporary = temporaryName(join(partsFolder(folder), name))
  try {
    return await onPath(path, async () => {
      const { file, broken } = await copied(joining, temporary)
      if (broken.length > 0) await check()
      if (broken.length > 0 && !salvage) return { file: null, broken }
      if (file === null) await rm(path, { force: true })
      else {
        await check()
        await effect('results:join', () => renameOver(temporary, path))
      }
      return { file, broken }
    })
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Removes all parts in one step: a concurrent join finds all of them or none. */
export async function removeParts(folder: string): Promise<void> {
  const leaving = join(folder, 'parts.removed')
  await rm(leaving, { recursive: true, force: true })
  await effect('results:remove-parts', () => renameIfThere(partsFolder(folder), leaving))
  await rm(leaving, { recursive: true, force: true })
}

async function copied({ folder, name, header, parts }: Joining, target: string): Promise<Joined> {
  const pathOf = (part: ResultFile) => join(partsFolder(folder), part.name)
  const [only] = parts
  let source = pathOf
  // Most requests have one chunk and so one part: for 5 million failures this saves copying 800 MB.
  if (only !== undefined && parts.length === 1) {
    // Parts are removed once the receipt is written. If a Redis failover lost that, the joined file
    // is still there.
    const whole = await firstAsWritten([pathOf(only), join(folder, name)], only)
    if (whole === null) return { file: null, broken: parts }
    if (await linked(whole, target)) return { file: { ...only, name }, broken: [] }
    source = () => whole
  }
  const broken: ResultFile[] = []
  const start = Buffer.from(csvLine(header))
  let whole = createHash('sha256').update(start)
  let bytes = start.length
  let rows = 0
  await using file = await createFile(target)
  await file.appendFile(start)
  for (const part of parts) {
    const before = whole.copy()
    const copy = behind(start.length, async (block) => {
      whole.update(block)
      await file.appendFile(block)
    })
    if (await isAsWritten(source(part), part, copy)) {
      bytes += part.bytes - start.length
      rows += part.rows
    } else {
      broken.push(part)
      await file.truncate(bytes)
      whole = before
    }
  }
  if (rows === 0) return { file: null, broken }
  return { file: { name, rows, bytes, sha256: whole.digest('hex') }, broken }
}

async function firstAsWritten(paths: readonly string[], file: ResultFile): Promise<string | null> {
  for (const path of paths) if (await isAsWritten(path, file)) return path
  return null
}

/** Passes on the bytes after the first `first` ones. */
function behind(first: number, next: (block: Uint8Array) => Promise<void>) {
  let skip = first
  return async (block: Uint8Array) => {
    if (block.length > skip) await next(block.subarray(skip))
    skip = Math.max(0, skip - block.length)
  }
}
