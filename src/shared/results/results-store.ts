import type { Readable } from 'node:stream'
import { ExpungeError } from '../base/errors.ts'
import type { ClientOptions } from '../bucket/client.ts'
import type { BucketSettings } from '../bucket/settings.ts'
import type { Receipt, ResultFile } from '../contract/receipt.ts'
import type { ResultWriter } from './csv.ts'

/**
 * The results store: receipts and result files, with one folder per request, shared by all
 * processes. Behind it is a directory or a bucket. A file appears complete or not at all, and only while the
 * store is still the one that was opened.
 */

/** The CSV files of a request, with their headers. */
export const RESULT_FILES = {
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

export const RECEIPT = 'receipt.json'
/** Holds the store's id. */
export const STORE_FILE = '.expunge-store'

/** The results store is unusable now: missing, full, not writable, or a different store. */
export class ResultsStoreError extends ExpungeError {
  readonly code = 'RESULTS_STORE_UNUSABLE'
  override readonly retryable = true
}

/** Where a store is. `path` as in EXPUNGE_RESULTS: an absolute path, or `s3://bucket/prefix`. */
export type ResultsPlace = { readonly kind: 'directory'; readonly path: string } | BucketPlace

export interface BucketPlace {
  readonly kind: 'bucket'
  readonly path: string
  readonly settings: BucketSettings
  /** Of all keys: empty, or with a slash at its end. */
  readonly prefix: string
  readonly proxyEnv: ClientOptions['proxyEnv']
}

export interface RequestFolder {
  readonly org: string
  readonly id: string
}

/** The folder of a request in a store, for people. */
export const folderAt = (place: string, { org, id }: RequestFolder): string =>
  `${place}/${org}/${id}`

/** A result file, opened. Read it once, or close it. */
export interface OpenFile {
  /** Ends with an error if the file is lost meanwhile. */
  stream(): Readable
  close(): Promise<void>
}

/** Reads what a store holds, and creates nothing. */
export interface ResultsReader {
  /** As in EXPUNGE_RESULTS. */
  readonly place: string
  /** The store's id; null if there is no store yet. */
  storeId(): Promise<string | null>
  /** Where the files of a request are, for people. */
  folder(request: RequestFolder): string
  /** The files in the request's folder, as paths within it. */
  files(request: RequestFolder): Promise<readonly string[]>
  /** Null if there is none. */
  readReceipt(request: RequestFolder): Promise<string | null>
  /** Null if it does not exist, or its size differs from when it was written. */
  openFile(
    request: RequestFolder,
    file: Pick<ResultFile, 'name' | 'bytes'>,
  ): Promise<OpenFile | null>
  /** Whether the file has exactly the bytes that were written. Reads it once. */
  isAsWritten(request: RequestFolder, file: ResultFile): Promise<boolean>
  /** Ends its connections. */
  close(): Promise<void>
}

export interface Joined {
  /** The joined file; null if it has no rows. */
  readonly file: ResultFile | null
  /** Parts that are missing or differ from what was written. */
  readonly broken: readonly ResultFile[]
}

export interface ResultsStore extends ResultsReader {
  /** Identifies the store, so that two processes can tell that they share it. */
  readonly id: string
  /**
   * Writes a part of a result file. Each part has a unique name, so that no other attempt or
   * earlier life of the request can replace it; it counts once the ledger names it.
   *
   * @param of what it belongs to: `<chunk>.<attempt>`, or the planning attempt
   */
  partWriter(request: RequestFolder, kind: ResultKind, of: string): ResultWriter
  /**
   * Joins parts, in their order, to the result file of one kind. Every part is compared with what
   * was written; a part that differs is broken.
   *
   * @param options.salvage if parts are broken: true joins the others, false leaves the file as it is
   */
  joinParts(
    request: RequestFolder,
    kind: ResultKind,
    parts: readonly ResultFile[],
    options?: { readonly salvage?: boolean },
  ): Promise<Joined>
  /** Call it only once the request has its receipt: repeating a join needs every part. */
  removeParts(request: RequestFolder): Promise<void>
  writeReceipt(receipt: Receipt): Promise<void>
  removeReceipt(request: RequestFolder): Promise<void>
  /** A name within the org's folder, for files of an earlier life of the request. */
  earlierName(request: RequestFolder): string
  /** Moves files out of a request's folder. Skips files that no longer exist. */
  moveTo(request: RequestFolder, files: readonly string[], name: string): Promise<void>
  /**
   * Removes a folder of an org, given its name.
   *
   * @param isStillDue asked at the last moment; if false, the folder stays
   */
  remove(org: string, name: string, isStillDue: () => Promise<boolean>): Promise<void>
}

/** The bytes of `receipt.json`. */
export const receiptText = (receipt: Receipt): string => `${JSON.stringify(receipt, null, 2)}\n`

/** No request id starts with a dot. */
export const EARLIER = '.earlier'
