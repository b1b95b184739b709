import type { z } from 'zod'
import { boundedText } from '../portable-schema.ts'

/** Whichever kind it is of, a source names its kind by `type`. */
type Typed = z.ZodType<{ readonly type: string }>

/** What a kind of source answers of a source of its kind, and what is known of all of them. */
export interface SourceKind<Wanted, Stored> {
  /** How its text is read, and what is said of it. */
  readonly text: SourceText
  /** Its bytes come beside the request, so only a caller that can hand them over may name it. */
  readonly takesUpload: boolean
  /** The flag of the command line that names it; `--source` names each of them. */
  readonly flag?: SourceFlag<Wanted>
  /** By what a key may be limited to some sources of this kind. */
  readonly scope?: SourceScope<Stored>
  /** The source without its ids: what the ledger keeps and what people may see. */
  toStored(source: Wanted): Stored
  /** What is staged in Redis when the request is submitted; null where the worker opens the source. */
  stage(
    source: Wanted,
    upload: AsyncIterable<Uint8Array> | undefined,
  ): Uint8Array | AsyncIterable<Uint8Array> | null
  /** How many ids it names; null where only reading it tells. */
  count(source: Wanted): number | null
  /**
   * Fields that say where its content lies, each with its value. The content is known by its digest
   * then, and requests are compared by that. Empty where the content comes with the request. A
   * `path` is one of a file that the planner sees.
   */
  place(source: Stored): Readonly<Record<string, string>>
  /**
   * The source with the digest of its content, where this process can read it.
   *
   * @throws RefusedError, SourceError where it cannot
   */
  pin?(source: Wanted, places: FilePlaces, signal?: AbortSignal): Promise<Wanted>
}

/** How the text of a source is read, and spoken of. */
export interface SourceText {
  /** At the beginning of a sentence. */
  readonly subject: string
  /** Number of its first line; 0 where that is a header which the caller did not write. */
  readonly firstLine: 0 | 1
  /** Whether it is decompressed, once, before it is read. */
  readonly isDecompressed: boolean
  /** How its line ends may have been lost, to add to a sentence; empty where that is not known. */
  readonly lostLineEnds: string
}

/** A flag of `run` and `submit`, named by the type of source. */
interface SourceFlag<Wanted> {
  /** What stands for its value in help: `<list>`. */
  readonly value: string
  readonly summary: string
  /** What `read` expects, for the error message. */
  readonly expected: string
  /** Undefined where the text is none. */
  read(text: string): Wanted | undefined
}

/** Names, such as folders, that narrow what a key may read. */
interface SourceScope<Stored> {
  /** What a name looks like. */
  readonly expected: string
  /** Undefined where the text is none. */
  parse(text: string): string | undefined
  holds(names: readonly string[], source: Stored): boolean
}

/** Where files may be read, here and by this caller. */
export interface FilePlaces {
  /** Directories under which files may be read. */
  readonly roots: readonly string[]
  /** Where a relative path starts; null: nowhere. The first root where absent. */
  readonly base?: string | null
  /** Folders or files, absolute, beyond which the caller may not read; null: none. */
  readonly within?: readonly string[] | null
}

/** A kind of source: how a caller writes it, how the ledger keeps it, and what it answers. */
export const sourceKind = <Wanted extends Typed, Stored extends Typed>(
  kind: SourceKind<z.output<Wanted>, z.output<Stored>> & {
    readonly schema: Wanted
    readonly stored: Stored
  },
) => kind

/** Header of the Id column of a CSV. */
export const column = boundedText(200, 1).optional()

export const PLAIN_TEXT: SourceText = {
  subject: 'The source',
  firstLine: 1,
  isDecompressed: true,
  lostLineEnds: '',
}
