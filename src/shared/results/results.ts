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
 * The results store: a directory that all processes share, with one folder per request for its
 * receipt and result files. A file appears complete or not at all (temporary name, then rename),
 * and only while the directory is still the store that was opened: a lost mount is an error, not an
 * empty store.
 */

/** The CSV files of a request, with their headers. */
const RESULT_FILES = {
  failed: ['Id', 'Code', 'Message'],
  unprocessed: ['Id'],
  invalid: ['Line', 'Value', 'Reason'],
  deleted: ['Id'],
} as const satisfies Record<ResultKind, readonly string[]>
export const RESULT_KINDS = ['failed', 'unprocessed', 'invalid', 'deleted'] as const
export type ResultKind = (typeof RESULT_KINDS)[number]

/** Kinds of which every ingest job writes a part. The parts are joined when the request settles. */
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

/** Opens the store and reads its id. Creates the directory and the id if they are missing. */
export async function openResultsStore(directory: string) {
  const root = resolve(directory)
  const { id, check } = await identifyStore(root)
  const folder = ({ org, id }: RequestFolder): string => join(root, org, id)
  return {
    /** Identifies the store, so that two processes can tell that they share it. */
    id,
    directory: root,
    folder,
    /**
     * Writes a part of a result file. Each part has a unique name, so that no other attempt or
     * earlier life of the request can replace it; it counts once the ledger names it.
     *
     * @param of what it belongs to: `<chunk>.<attempt>`, or the planning attempt
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
    /** Call it only once the request has its receipt: repeating a join needs every part. */
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
    /** Null if there is none. */
    readReceipt: (request: RequestFolder) => readIfThere(join(folder(request), RECEIPT)),
    /** The files in the request's folder, as paths within it. */
    files: (request: RequestFolder) => filesIn(folder(request)),
    /** A name within the org's folder, for files of an earlier life of the request. */
    earlierName: (request: RequestFolder) => earlierName(folder(request)),
    moveTo: async (request: RequestFolder, files: readonly string[], name: string) => {
      await check()
      await moveFiles(folder(request), files, join(root, request.org, name))
    },
    /** Removes a folder of an org, given its name; see `removeFolder`. */
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

/** No request id starts with a dot. */
const EARLIER = '.earlier'
const LEAVING = '.leaving'

/** The files in a request's folder, as paths within it. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const [own, parts] = await Promise.all([namesIn(folder), namesIn(partsFolder(folder))])
  return [...own.filter((name) => name !== 'parts'), ...parts.map((name) => join('parts', name))]
}

/** A name, as a path within the org's folder, for files of an earlier life of the request. */
function earlierName(folder: string): string {
  return join(EARLIER, `${basename(folder)}.${randomUUID()}`)
}

/** Moves files out of a request's folder. Skips files that no longer exist. */
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
 * Removes a folder and its content. It is renamed first, in one step, so that a new life of the
 * request never finds half of it; what a crash leaves is removed by the next try.
 *
 * @param isStillDue asked after the rename; if false, the folder is put back
 */
async function removeFolder(
  orgFolder: string,
  name: string,
  isStillDue: () => Promise<boolean>,
): Promise<void> {
  const folder = join(orgFolder, name)
  // In the same folder: a full disk may have no room for another folder.
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
