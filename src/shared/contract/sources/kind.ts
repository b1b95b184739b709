import type { z } from 'zod'
import { boundedText } from '../portable-schema.ts'

/** Every source names its kind by `type`. */
type Typed = z.ZodType<{ readonly type: string }>

/** A kind of source: what differs between the kinds. */
export interface SourceKind<Wanted, Stored> {
  /** How its text is read, and named in messages. */
  readonly text: SourceText
  /** Whether its bytes come beside the request. Only callers that can pass them may use it. */
  readonly takesUpload: boolean
  /** How an API key may be limited to some sources of this kind. */
  readonly scope?: SourceScope<Stored>
  /** The source without its ids, as the ledger keeps it. */
  toStored(source: Wanted): Stored
  /** What is staged in Redis when the request is submitted; null if the worker opens the source. */
  stage(
    source: Wanted,
    upload: AsyncIterable<Uint8Array> | undefined,
  ): Uint8Array | AsyncIterable<Uint8Array> | null
  /** How many ids it names; null if it must be read to know. */
  count(source: Wanted): number | null
  /**
   * The fields that locate its content, with their values. Two requests are compared by the digest of
   * the content, not by these. Empty if the content comes with the request. A `path` is one on the
   * planner's machine.
   */
  place(source: Stored): Readonly<Record<string, string>>
  /** The source as people may see it, if the ledger's holds what may be a secret. */
  masked?(source: Stored): Stored
  /** What people see behind its type. Default: its place. */
  words?(source: Stored): string
  /**
   * Whether it selects records by a rule, so that nobody has seen a list of them. Its plan shows
   * which share of the object's records it takes.
   */
  readonly isRule?: true
  /** Why it cannot have ids of this object; null if it can. */
  mismatch?(source: Stored, object: string): string | null
  /**
   * The source with the digest of its content, if this process can read it.
   *
   * @throws RefusedError, SourceError if it cannot be read
   */
  pin?(source: Wanted, places: FilePlaces, signal?: AbortSignal): Promise<Wanted>
}

/** How the text of a source is read, and named in messages. */
export interface SourceText {
  /** Its name at the start of a sentence. */
  readonly subject: string
  /** Number of its first line; 0 if that is a header that the caller did not write. */
  readonly firstLine: 0 | 1
  /** What a row of it is, for those who wrote it. */
  readonly unit: 'row' | 'id'
  /**
   * Where a row is: `line 7`, `id 2 of 3`.
   *
   * @param line its number in `invalid.csv`
   */
  place(line: number | string, rows: number): string
  /**
   * `table`: a CSV, whose form its first rows tell. `values`: one value on each line, without header,
   * quotes and separators; an empty line is a row without a value.
   */
  readonly layout: 'table' | 'values'
  /** Whether gzip and zstd are decompressed (one layer). */
  readonly isDecompressed: boolean
  /** How its line breaks may have been lost, to add to a message; empty if no cause is known. */
  readonly lostLineEnds: string
}

/** Names, such as folders, that limit what an API key may read. */
interface SourceScope<Stored> {
  /** What a name looks like. */
  readonly expected: string
  /** Undefined if the text is not valid. */
  parse(text: string): string | undefined
  holds(names: readonly string[], source: Stored): boolean
}

/** Where this caller may read files. */
export interface FilePlaces {
  /** Directories under which files may be read. */
  readonly roots: readonly string[]
  /** The folder that relative paths start at; null: none are allowed. Default: the first root. */
  readonly base?: string | null
  /** Absolute paths of the only folders or files that the caller may read; null: no limit. */
  readonly within?: readonly string[] | null
}

/** Defines a kind of source: its schema for callers, its schema in the ledger, its functions. */
export const sourceKind = <Wanted extends Typed, Stored extends Typed>(
  kind: SourceKind<z.output<Wanted>, z.output<Stored>> & {
    readonly schema: Wanted
    readonly stored: Stored
  },
) => kind

/** What a request names in the configuration, such as a bucket. */
export const CONFIGURED_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** Header of the CSV column that holds the ids. */
export const column = boundedText(200, 1).optional()

export const PLAIN_TEXT: SourceText = {
  subject: 'The source',
  firstLine: 1,
  unit: 'row',
  place: (line) => `line ${line}`,
  layout: 'table',
  isDecompressed: true,
  lostLineEnds: '',
}
