import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { effect } from '../../base/trace.ts'
import type { ResultFile } from '../../contract/receipt.ts'
import { Joining } from '../joining.ts'
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

interface JoinOptions {
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
export async function joinParts(options: JoinOptions): Promise<Joined> {
  const { folder, name, parts, check, salvage } = options
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
      const { file, broken } = await copied(options, temporary)
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

async function copied(
  { folder, name, header, parts }: JoinOptions,
  target: string,
): Promise<Joined> {
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
  const joining = new Joining(header)
  await using file = await createFile(target)
  await file.appendFile(joining.start)
  for (const part of parts) {
    joining.begin()
    const copy = async (block: Uint8Array) => {
      const rows = joining.take(block)
      if (rows.length > 0) await file.appendFile(rows)
    }
    if (await isAsWritten(source(part), part, copy)) joining.keep(part)
    else {
      joining.drop(part)
      await file.truncate(joining.bytes)
    }
  }
  return { file: joining.file(name), broken: joining.broken }
}

async function firstAsWritten(paths: readonly string[], file: ResultFile): Promise<string | null> {
  for (const path of paths) if (await isAsWritten(path, file)) return path
  return null
}
