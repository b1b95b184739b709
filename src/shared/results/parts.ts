import { createReadStream } from 'node:fs'
import { link, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { effect } from '../effect.ts'
import { codeOf } from '../errors.ts'
import { temporaryName } from './replace-file.ts'
import { headerLine } from './result-writer.ts'

/** The parts of result files: one folder a request, one file a chunk and kind. */
export const partsFolder = (folder: string): string => join(folder, 'parts')

/**
 * Joins parts, each with the header, in the order given. Parts that do not exist had no rows, and
 * without any the file stays as it is: they may have been joined and removed before.
 */
export async function joinParts(
  folder: string,
  parts: readonly string[],
  name: string,
  header: readonly string[],
): Promise<void> {
  const there = new Set(await namesIn(partsFolder(folder)))
  const found = parts.filter((part) => there.has(part))
  if (found.length === 0) return
  const temporary = temporaryName(join(folder, name))
  try {
    const paths = found.map((part) => join(partsFolder(folder), part))
    await concatenate(paths, temporary, header)
    await effect('results:join', () => rename(temporary, join(folder, name)))
  } finally {
    await rm(temporary, { force: true })
  }
}

/**
 * Removes all parts at once: whoever joins them meanwhile must find every one or none, for of some
 * it would make a file that is not whole.
 */
export async function removeParts(folder: string): Promise<void> {
  const leaving = join(folder, 'parts.removed')
  await rm(leaving, { recursive: true, force: true })
  await effect('results:remove-parts', () =>
    unlessMissing(rename(partsFolder(folder), leaving), undefined),
  )
  await rm(leaving, { recursive: true, force: true })
}

async function concatenate(
  paths: readonly string[],
  target: string,
  header: readonly string[],
): Promise<void> {
  // Most requests have one chunk, and so one part: 5 million failures are 800 MB not copied.
  const [only] = paths
  if (only !== undefined && paths.length === 1 && (await linked(only, target))) return
  await using file = await open(target, 'w')
  await file.appendFile(headerLine(header))
  const start = headerLine(header).length
  for (const path of paths) {
    for await (const block of createReadStream(path, { start })) await file.appendFile(block)
  }
}

/** False where the file system has no hard links. */
async function linked(path: string, target: string): Promise<boolean> {
  try {
    await link(path, target)
    return true
  } catch {
    return false
  }
}

const namesIn = (folder: string): Promise<readonly string[]> => unlessMissing(readdir(folder), [])

async function unlessMissing<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return otherwise
    throw error
  }
}
