import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ExpungeError, messageOf } from './errors.ts'
import type { Receipt } from './receipt.ts'

/**
 * Where receipts and result files go: a directory that all processes share, with one folder a
 * request. A file appears whole or not at all (temporary name, then rename), and writing it again
 * replaces it, so that every step may be repeated.
 */

/** The CSV files of a request, each with its header. */
export const RESULT_FILES = {
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

export class ResultsStoreError extends ExpungeError {
  readonly code = 'RESULTS_STORE_UNUSABLE'
}

export interface RequestFolder {
  readonly org: string
  readonly id: string
}

/** A CSV in the making. Without a row no file appears, and one of an earlier try is removed. */
export interface ResultWriter {
  readonly rows: number
  /** Gathers a row: values in the order of the header, one per column. */
  write(values: readonly (string | number)[]): void
  /** Writes out what has gathered, once it is worth a system call. Await it now and then. */
  drain(): Promise<void>
  commit(): Promise<void>
  /** Leaves nothing behind. */
  discard(): Promise<void>
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
}

/** Opens the store and reads its id, or gives it one; the directory is made where it is missing. */
export async function openResultsStore(directory: string): Promise<ResultsStore> {
  const root = resolve(directory)
  const id = await storeId(root)
  const folder = ({ org, id }: RequestFolder) => join(root, org, id)
  const parts = (request: RequestFolder) => join(folder(request), 'parts')
  const partPath = (request: RequestFolder, kind: PartKind, part: string) =>
    join(parts(request), `${part}.${kind}.csv`)
  return {
    id,
    directory: root,
    folder,
    writer: (request, kind) => new CsvWriter(folder(request), `${kind}.csv`, RESULT_FILES[kind]),
    partWriter: (request, kind, part) => new CsvWriter(parts(request), `${part}.${kind}.csv`, null),
    joinParts: async (request, names) => {
      for (const kind of PART_KINDS) {
        const paths = names.map((part) => partPath(request, kind, part))
        await joinFiles(paths, folder(request), `${kind}.csv`, RESULT_FILES[kind])
      }
    },
    removeParts: (request) => rm(parts(request), { recursive: true, force: true }),
    writeReceipt: async (receipt) => {
      const path = folder(receipt)
      await mkdir(path, { recursive: true })
      await replaceFile(join(path, 'receipt.json'), `${JSON.stringify(receipt, null, 2)}\n`)
    },
  }
}

/** Quoted only where it must be, so that the common file stays small and plain. */
export function csvField(value: string | number): string {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Rows are gathered to this many characters: one system call for thousands of rows. */
const BUFFER_CHARS = 256 * 1024

class CsvWriter implements ResultWriter {
  readonly #folder: string
  readonly #path: string
  readonly #temporary: string
  readonly #header: readonly string[] | null
  #buffer = ''
  #file: FileHandle | null = null
  rows = 0

  constructor(folder: string, name: string, header: readonly string[] | null) {
    this.#folder = folder
    this.#path = join(folder, name)
    this.#temporary = temporaryName(this.#path)
    this.#header = header
  }

  write(values: readonly (string | number)[]): void {
    if (this.rows === 0 && this.#header !== null) this.#buffer = `${this.#header.join(',')}\n`
    this.rows++
    this.#buffer += `${values.map(csvField).join(',')}\n`
  }

  async drain(): Promise<void> {
    if (this.#buffer.length >= BUFFER_CHARS) await this.#flush()
  }

  async commit(): Promise<void> {
    if (this.rows === 0) {
      await rm(this.#path, { force: true })
      return
    }
    await this.#flush()
    await this.#file?.close()
    this.#file = null
    await rename(this.#temporary, this.#path)
  }

  async discard(): Promise<void> {
    await this.#file?.close()
    this.#file = null
    await rm(this.#temporary, { force: true })
  }

  async #flush(): Promise<void> {
    if (this.#file === null) {
      await mkdir(this.#folder, { recursive: true })
      this.#file = await open(this.#temporary, 'w')
    }
    const text = this.#buffer
    this.#buffer = ''
    await this.#file.appendFile(text)
  }
}

async function joinFiles(
  paths: readonly string[],
  folder: string,
  name: string,
  header: readonly string[],
): Promise<void> {
  const there = new Set(await namesIn(join(folder, 'parts')))
  const found = paths.filter((path) => there.has(path.slice(path.lastIndexOf('/') + 1)))
  if (found.length === 0) return
  const temporary = temporaryName(join(folder, name))
  const file = await open(temporary, 'w')
  try {
    await file.appendFile(`${header.join(',')}\n`)
    for (const path of found) {
      for await (const block of createReadStream(path)) await file.appendFile(block)
    }
  } finally {
    await file.close()
  }
  await rename(temporary, join(folder, name))
}

async function storeId(root: string): Promise<string> {
  const path = join(root, '.expunge-store')
  try {
    await mkdir(root, { recursive: true })
    await nameStore(path)
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    throw new ResultsStoreError(
      `The results directory ${root} cannot be used: ${messageOf(error)}. Set EXPUNGE_RESULTS to one that can be written.`,
      { cause: error },
    )
  }
}

/** A link fails where the name is taken: of two processes that start at once, one names the store. */
async function nameStore(path: string): Promise<void> {
  const temporary = temporaryName(path)
  await writeFile(temporary, `${randomUUID()}\n`)
  try {
    await link(temporary, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(temporary)
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = temporaryName(path)
  await writeFile(temporary, text)
  await rename(temporary, path)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

function temporaryName(path: string): string {
  return `${path}.${randomUUID()}.tmp`
}
