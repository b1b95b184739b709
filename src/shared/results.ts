import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Receipt } from './receipt.ts'
import { joinParts, partsFolder, removeParts } from './results/parts.ts'
import { replaceFile } from './results/replace-file.ts'
import { CsvWriter, type ResultWriter } from './results/result-writer.ts'
import { storeId } from './results/store-id.ts'

export type { ResultWriter } from './results/result-writer.ts'
export { csvField } from './results/result-writer.ts'
export { ResultsStoreError } from './results/store-id.ts'

/**
 * Where receipts and result files go: a directory that all processes share, with one folder a
 * request. A file appears whole or not at all (temporary name, then rename), and writing it again
 * replaces it, so that every step may be repeated.
 */

/** The CSV files of a request, each with its header. */
const RESULT_FILES = {
  failed: ['Id', 'Code', 'Message'],
  unprocessed: ['Id'],
  invalid: ['Line', 'Value', 'Reason'],
  deleted: ['Id'],
} as const
export type ResultKind = keyof typeof RESULT_FILES

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

export interface ResultsStore {
  /** Identifies the store itself, so that two processes can tell that they share it. */
  readonly id: string
  readonly directory: string
  folder(request: RequestFolder): string
  writer(request: RequestFolder, kind: ResultKind): ResultWriter
  /** `part` names the chunk and attempt, `<chunk>.<attempt>`. */
  partWriter(request: RequestFolder, kind: PartKind, part: string): ResultWriter
  /** Joins the parts in the order given. Parts that do not exist had no rows. */
  joinParts(request: RequestFolder, parts: readonly string[]): Promise<void>
  /** Only once the request has its receipt: a join that is repeated needs every part. */
  removeParts(request: RequestFolder): Promise<void>
  writeReceipt(receipt: Receipt): Promise<void>
  removeReceipt(request: RequestFolder): Promise<void>
}

/** Opens the store and reads its id, or gives it one; the directory is made where it is missing. */
export async function openResultsStore(directory: string): Promise<ResultsStore> {
  const root = resolve(directory)
  const id = await storeId(root)
  const folder = ({ org, id }: RequestFolder) => join(root, org, id)
  return {
    id,
    directory: root,
    folder,
    writer: (request, kind) => new CsvWriter(folder(request), `${kind}.csv`, RESULT_FILES[kind]),
    partWriter: (request, kind, part) =>
      new CsvWriter(partsFolder(folder(request)), partName(kind, part), RESULT_FILES[kind]),
    joinParts: async (request, parts) => {
      for (const kind of PART_KINDS) {
        const names = parts.map((part) => partName(kind, part))
        await joinParts(folder(request), names, `${kind}.csv`, RESULT_FILES[kind])
      }
    },
    removeParts: (request) => removeParts(folder(request)),
    writeReceipt: async (receipt) => {
      const path = folder(receipt)
      await mkdir(path, { recursive: true })
      await replaceFile(join(path, RECEIPT), `${JSON.stringify(receipt, null, 2)}\n`)
    },
    removeReceipt: (request) => rm(join(folder(request), RECEIPT), { force: true }),
  }
}

const RECEIPT = 'receipt.json'

const partName = (kind: PartKind, part: string): string => `${part}.${kind}.csv`
