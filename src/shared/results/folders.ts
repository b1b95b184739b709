import { randomUUID } from 'node:crypto'
import { readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { codeOf } from '../base/errors.ts'
import { effect } from '../base/trace.ts'
import { partsFolder, renameIfThere } from './parts.ts'
import { makeFolder } from './private.ts'
import { onPath } from './store-error.ts'

/** The folder of a request over the lives of its id: what lay there before is kept apart. */

/** No request has a name that begins with a dot. */
const EARLIER = '.earlier'
const LEAVING = '.leaving'

/** The files that lie in a request's folder now, as paths within it. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  const [own, parts] = await Promise.all([namesIn(folder), namesIn(partsFolder(folder))])
  return [...own.filter((name) => name !== 'parts'), ...parts.map((name) => join('parts', name))]
}

/** A name, as a path within the org's folder, under which files of an earlier life can be kept. */
export function earlierName(folder: string): string {
  return join(EARLIER, `${basename(folder)}.${randomUUID()}`)
}

/** Moves files out of a request's folder. One that has gone meanwhile is passed over. */
export async function moveFiles(
  folder: string,
  files: readonly string[],
  target: string,
): Promise<void> {
  await effect('results:set-aside', () =>
    onPath(target, async () => {
      const folders = new Set(files.map((file) => dirname(join(target, file))))
      for (const path of folders) await makeFolder(path)
      for (const file of files) await renameIfThere(join(folder, file), join(target, file))
    }),
  )
}

/**
 * Removes a folder with all that is in it. It leaves its place in one step, so that a new life of
 * its request never meets half of it; what a crash leaves of it goes with the next try.
 *
 * @param isStillDue asked once the folder is out of its place; where it is not, it is put back
 */
export async function removeFolder(
  orgFolder: string,
  name: string,
  isStillDue: () => Promise<boolean>,
): Promise<void> {
  const folder = join(orgFolder, name)
  // Beside it: on a full disk there may be no room for a folder of its own.
  const leaving = join(orgFolder, `${LEAVING}.${basename(name)}`)
  await onPath(folder, async () => {
    await rm(leaving, { recursive: true, force: true })
    const isMoved = await effect('results:remove-folder', () => renameIfThere(folder, leaving))
    if (isMoved && !(await isStillDue())) await rename(leaving, folder)
    else await rm(leaving, { recursive: true, force: true })
  })
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}
