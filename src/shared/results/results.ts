import { randomBytes, randomUUID } from 'node:crypto'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { codeOf } from '../base/errors.ts'
import { effect } from '../base/trace.ts'
import type { Receipt, ResultFile } from '../contract/receipt.ts'
import { makeFolder, onPath, renameIfThere, replaceFile } from './files.ts'
import { joinParts, partsFolder, removeParts } from './parts.ts'
import { ResultWriter } from './result-writer.ts'
import { identifyStore } from './store-id.ts'

/**
 * Where receipts and result files go: a directory that all processes share, with one folder a
 * request. A file appears whole or not at all (temporary name, then rename), and only while the
 * directory still is the store that was opened: a lost mount is an error, not an empty store.
 */

/** The CSV files of a request, each with its header. */
const RESULT_FILES = {
  failed: ['Id', 'Code', 'Message'],
  unprocessed: ['Id'],
  invalid: ['Line', 'Value', 'Reason'],
  deleted: ['Id'],
} as const satisfies Record<ResultKind, readonly string[]>
export const RESULT_KINDS = ['failed', 'unprocessed', 'invalid', 'deleted'] as const
export type ResultKind = (typeof RESULT_KINDS)[number]

/** Kinds of which every ingest job writes a part of its own, joined when the request settles. */
export const PART_KINDS = [
  'failed',
  'unprocessed',
  'deleted',
] as const satisfies readonly ResultKind[]
export type PartKind = (typeof PART_KINDS)[number]

export interface RequestFolder {
  readonly org: string
  readonly id: string
}

export type ResultsStore = Awaited<ReturnType<typeof openResultsStore>>

/** Opens the store and reads its id, or gives it one; the directory is made where it is missing. */
export async function openResultsStore(directory: string) {
  const root = resolve(directory)
  const { id, check } = await identifyStore(root)
  const folder = ({ org, id }: RequestFolder): string => join(root, org, id)
  return {
    /** Identifies the store itself, so that two processes can tell that they share it. */
    id,
    directory: root,
    folder,
    /**
     * A part of a result file. Each has a name of its own, so that no other try, and no other life
     * of the request, can replace it; it counts once the ledger names it.
     *
     * @param of what it is of: `<chunk>.<attempt>`, or the planning attempt
     */
    partWriter: (request: RequestFolder, kind: ResultKind, of: string): ResultWriter =>
      new ResultWriter(
        join(partsFolder(folder(request)), `${of}.${randomBytes(6).toString('hex')}.${kind}.csv`),
        RESULT_FILES[kind],
        check,
      ),
    /** Makes the result file of one kind; see `joinParts`. */
    joinParts: (
      request: RequestFolder,
      kind: ResultKind,
      parts: readonly ResultFile[],
      { salvage = false }: { readonly salvage?: boolean } = {},
    ) => {
      const [path, name, header] = [folder(request), `${kind}.csv`, RESULT_FILES[kind]]
      return joinParts({ folder: path, name, header, parts, check, salvage })
    },
    /** Only once the request has its receipt: a join that is repeated needs every part. */
    removeParts: (request: RequestFolder) => removeParts(folder(request)),
    writeReceipt: (receipt: Receipt): Promise<void> => {
      const path = join(folder(receipt), RECEIPT)
      return onPath(path, async () => {
        await check()
        await makeFolder(folder(receipt))
        await replaceFile(path, `${JSON.stringify(receipt, null, 2)}\n`, check)
      })
    },
    removeReceipt: (request: RequestFolder) => rm(join(folder(request), RECEIPT), { force: true }),
    /** Null where there is none. */
    readReceipt: (request: RequestFolder) => readIfThere(join(folder(request), RECEIPT)),
    /** What lies in the request's folder now, as paths within it. */
    files: (request: RequestFolder) => filesIn(folder(request)),
    /** A name under which files of an earlier life of the request can be kept, within its org. */
    earlierName: (request: RequestFolder) => earlierName(folder(request)),
    moveTo: async (request: RequestFolder, files: readonly string[], name: string) => {
      await check()
      await moveFiles(folder(request), files, join(root, request.org, name))
    },
    /** Removes a folder of an org by its name there; see `removeFolder`. */
    remove: async (org: string, name: string, isStillDue: () => Promise<boolean>) => {
      await check()
      await removeFolder(join(root, org), name, isStillDue)
    },
  }
}

const RECEIPT = 'receipt.json'

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** No request has a name that begins with a dot. */
const EARLIER = '.earlier'
const LEAVING = '.leaving'

/** The files that lie in a request's folder now, as paths within it. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const [own, parts] = await Promise.all([namesIn(folder), namesIn(partsFolder(folder))])
  return [...own.filter((name) => name !== 'parts'), ...parts.map((name) => join('parts', name))]
}

/** A name, as a path within the org's folder, under which files of an earlier life can be kept. */
function earlierName(folder: string): string {
  return join(EARLIER, `${basename(folder)}.${randomUUID()}`)
}

/** Moves files out of a request's folder. One that has gone meanwhile is passed over. */
async function moveFiles(folder: string, files: readonly string[], target: string): Promise<void> {
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
async function removeFolder(
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
