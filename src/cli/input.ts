import { constants, createReadStream, type Stats } from 'node:fs'
import { access, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { z } from 'zod'
import { codeOf, messageOf } from '../shared/base/errors.ts'
import type { DeletionRequest } from '../shared/contract/request.ts'
import { SOURCE_FLAGS, type SourceFlag } from '../shared/contract/sources/flags.ts'
import { listsOf, maskedList, takesUpload } from '../shared/contract/sources/lists.ts'
import { readSourceFile } from '../shared/contract/sources/read-file.ts'
import { kindOf, storedSourceSchema } from '../shared/contract/sources/sources.ts'
import { decompress } from '../worker/sources/decompress.ts'
import { UsageError } from './cli.ts'
import type { DeletionFlags } from './commands.ts'

/** Where the ids come from, checked before anything is started; `name` is for the screen. */
export type Input = { readonly name: string } & (
  | /** A regular file: it can be read again after an interruption. */
  { readonly kind: 'file'; readonly path: string }
  /** Bytes that can be read only once: stdin or a named pipe. */
  | { readonly kind: 'stream'; open(): AsyncIterable<Uint8Array> }
  /** A source in the form of the deletion request. */
  | { readonly kind: 'source'; readonly source: Readonly<Record<string, unknown>> }
)

/** A flag that names a source, given or not. */
interface SourceWay {
  readonly flag: string
  readonly text: string | undefined
  read(text: string): Input | Promise<Input>
}

/** @throws UsageError naming the flag or the path */
export async function readInput(flags: DeletionFlags, stdin: Readable): Promise<Input> {
  const { object, csv, url, source, column } = flags
  const ways: readonly SourceWay[] = [
    { flag: '--csv', text: csv, read: (name) => csvInput(name, stdin) },
    ...Object.keys(SOURCE_FLAGS)
      .filter(isSourceFlag)
      .map((name) => byFlag(name, flags)),
    { flag: '--source', text: source, read: sourceInput },
  ]
  const [way, second] = ways.filter(({ text }) => text !== undefined)
  if (way?.text === undefined || second !== undefined) {
    const names = ways.map(({ flag }) => flag).join(', ')
    const what = way === undefined ? 'none' : 'several'
    throw new UsageError(`Expected one of ${names.replace(/, (\S+)$/, ' and $1')}, got ${what}.`)
  }
  if (column !== undefined && csv === undefined && url === undefined) {
    throw new UsageError('--column requires --csv or --url.')
  }
  // A query names its object.
  if (object === undefined && way.flag !== '--soql' && way.flag !== '--source') {
    throw new UsageError('Expected --object <name>, such as --object Contact.')
  }
  return way.read(way.text)
}

type SourceFlagName = keyof typeof SOURCE_FLAGS

const isSourceFlag = (name: string): name is SourceFlagName => Object.hasOwn(SOURCE_FLAGS, name)

function byFlag(name: SourceFlagName, flags: DeletionFlags): SourceWay {
  const { expected, read, problem }: SourceFlag = SOURCE_FLAGS[name]
  const flag = `--${name}`
  return {
    flag,
    text: flags[name],
    read: (text) => {
      const wrong = problem?.(text, flags.object) ?? null
      if (wrong !== null) throw new UsageError(`${flag}: ${wrong}.`)
      const { column } = flags
      const found = read(text)
      const source = found && (column === undefined ? found : { ...found, column })
      if (source === undefined) throw new UsageError(`${flag}: expected ${expected}.`)
      return { kind: 'source', name: placeInWords(source) || flag, source }
    },
  }
}

function sourceInput(text: string): Input {
  const parsed = z.record(z.string(), z.unknown()).safeParse(jsonOf(text))
  if (!parsed.success) throw new UsageError('--source: expected a JSON object with a type.')
  const source = parsed.data
  const stored = storedSourceSchema.safeParse(source).data
  if (stored !== undefined && takesUpload(stored)) {
    throw new UsageError(
      '--source: an upload cannot be given as JSON. Use --csv <path>, or --csv - for stdin.',
    )
  }
  return { kind: 'source', name: placeInWords(source), source }
}

/** Empty for several lists, because places of rows name their list, and for those without a place. */
function placeInWords(source: unknown): string {
  const [place = {}, ...others] = placesOf(source)
  return others.length > 0 ? '' : Object.values(place).join(' ')
}

/** The places of its lists, as people may see them; empty if it is invalid, because its request will be refused. */
function placesOf(source: unknown): readonly Readonly<Record<string, string>>[] {
  const { data } = storedSourceSchema.safeParse(source)
  return data === undefined
    ? []
    : listsOf(data).map(({ list }) => kindOf(list).place(maskedList(list)))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(
      `--source: expected JSON, as in {"type":"ids","ids":["003…"]}. ${messageOf(error)}`,
    )
  }
}

async function csvInput(name: string, stdin: Readable): Promise<Input> {
  if (name === '-') return { kind: 'stream', name: 'stdin', open: () => stdin }
  const found = await statOf(name)
  if (found.isDirectory()) {
    throw new UsageError(`--csv: ${name} is a directory. Specify a file.`)
  }
  try {
    await access(name, constants.R_OK)
  } catch {
    throw new UsageError(`--csv: ${name} is not readable by this user.`)
  }
  if (!found.isFile()) return { kind: 'stream', name, open: () => createReadStream(name) }
  return { kind: 'file', name, path: await realpath(name) }
}

async function statOf(name: string): Promise<Stats> {
  try {
    return await stat(name)
  } catch (error) {
    const code = codeOf(error)
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR'
    throw new UsageError(
      isMissing ? `--csv: ${name} does not exist.` : `--csv: ${name}: ${messageOf(error)}.`,
    )
  }
}

/** The folders that the planner must be allowed to read, if it reads files. */
export function rootsOf(input: Input): readonly string[] {
  if (input.kind === 'file') return [dirname(input.path)]
  const places = input.kind === 'source' ? placesOf(input.source) : []
  const paths = places.map(({ path }) => path).filter((path) => path !== undefined)
  // A relative path is resolved against the first root, which is this one if there is no other.
  return paths.map((path) => (isAbsolute(path) ? dirname(path) : resolve('')))
}

/** The servers that the planner must be allowed to read, if it downloads. */
export function originsOf(input: Input): readonly string[] {
  const places = input.kind === 'source' ? placesOf(input.source) : []
  return places.map(({ url }) => URL.parse(url ?? '')?.origin).filter((one) => one !== undefined)
}

/**
 * The bytes sent along with a request whose source is an upload, decompressed if necessary. Throws
 * if a file is written to meanwhile, because its list would be unreliable.
 */
export function uploadOf(
  { source }: DeletionRequest,
  input: Input,
): AsyncIterable<Uint8Array> | undefined {
  if (!takesUpload(source)) return undefined
  switch (input.kind) {
    case 'file':
      return decompress(
        readSourceFile({ path: input.path, roots: [dirname(input.path)] }),
        input.name,
      )
    case 'stream':
      return decompress(input.open(), input.name)
    case 'source':
      return undefined
    default:
      throw new TypeError(`Unknown input ${JSON.stringify(input satisfies never)}`)
  }
}
