import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { effect } from '../base/trace.ts'
import type { ResultFile } from '../contract/receipt.ts'
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
import { headerLine } from './result-writer.ts'

/** The parts of a request's result files, which are joined when it settles. */

/** One file for each time a chunk was collected. */
export const partsFolder = (folder: string): string => join(folder, 'parts')

type Joined = {
  /** The file as it lies there now; null where it has no rows. */
  readonly file: ResultFile | null
  /** Parts that are missing, or are not what was written. */
  readonly broken: readonly ResultFile[]
}

interface Joining {
  readonly folder: string
  readonly name: string
  readonly header: readonly string[]
  /** In their order, as they were written. */
  readonly parts: readonly ResultFile[]
  /** Makes sure that the directory still is the results store. */
  readonly check: () => Promise<void>
  /** Whether the file is made of the other parts where some are broken; else it is left alone. */
  readonly salvage: boolean
}

/**
 * Makes a result file of its parts, each with the header. Every part is read once and compared
 * with what was written: one that is not the same is broken.
 */
export async function joinParts(joining: Joining): Promise<Joined> {
  const { folder, name, parts, check, salvage } = joining
  const path = join(folder, name)
  if (parts.length === 0) {
    // One may lie there of a time that a restored ledger does not remember.
    await rm(path, { force: true })
    return { file: null, broken: [] }
  }
  // Of a store that is not there every part would seem lost.
  await check()
  await makeFolder(partsFolder(folder))
  // Among the parts: what a crash leaves there goes with them.
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

/** Removes all parts at once: whoever joins them meanwhile finds every one or none. */
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
  // Most requests have one chunk, and so one part: 5 million failures are 800 MB not copied.
  if (only !== undefined && parts.length === 1) {
    // Parts go with the receipt. Where a failover took that back, what was made of them still lies there.
    const whole = await firstAsWritten([pathOf(only), join(folder, name)], only)
    if (whole === null) return { file: null, broken: parts }
    if (await linked(whole, target)) return { file: { ...only, name }, broken: [] }
    source = () => whole
  }
  const broken: ResultFile[] = []
  const start = Buffer.from(headerLine(header))
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

/** The same bytes without the first so many, for `next`. */
function behind(first: number, next: (block: Uint8Array) => Promise<void>) {
  let skip = first
  return async (block: Uint8Array) => {
    if (block.length > skip) await next(block.subarray(skip))
    skip = Math.max(0, skip - block.length)
  }
}
