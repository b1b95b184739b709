import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { codeOf } from '../base/errors.ts'
import type { Receipt, ResultFile } from '../contract/receipt.ts'
import { makeFolder, onPath, replaceFile } from './files.ts'
import {
  earlierName,
  filesIn,
  joinParts,
  moveFiles,
  partsFolder,
  removeFolder,
  removeParts,
} from './request-folder.ts'
import { ResultWriter } from './result-writer.ts'
import { assertStore, storeId } from './store-id.ts'

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
  const id = await storeId(root)
  const check = () => assertStore(root, id)
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
