import { constants, createReadStream, type Stats } from 'node:fs'
import { access, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { z } from 'zod'
import { codeOf, messageOf } from '../shared/base/errors.ts'
import type { DeletionRequest } from '../shared/contract/request.ts'
import { readSourceFile } from '../shared/contract/source-file.ts'
import { decompress } from '../worker/sources/decompress.ts'
import { UsageError } from './cli.ts'
import type { DeletionFlags } from './commands.ts'

/** Where the ids come from, looked at before anything is started. */
export type Input =
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  /** A regular file: it can be read again after an interruption. */
  | { readonly kind: 'file'; readonly name: string; readonly path: string }
  /** Bytes that come once: stdin, or a pipe with a name. */
  | { readonly kind: 'stream'; readonly name: string; open(): AsyncIterable<Uint8Array> }
  /** A source in the words of the deletion request. */
  | { readonly kind: 'source'; readonly source: Readonly<Record<string, unknown>> }

/** @throws UsageError naming the flag or the path */
export async function readInput(flags: DeletionFlags, stdin: Readable): Promise<Input> {
  const { csv, ids, source, soql, column } = flags
  if (soql !== undefined) {
    throw new UsageError(
      '--soql: this source is not in this version yet. Export the ids to a CSV and name it with --csv.',
    )
  }
  const given = [csv, ids, source].filter((flag) => flag !== undefined)
  if (given.length !== 1) {
    const what = given.length === 0 ? 'none' : 'several'
    throw new UsageError(`Expected one of --csv, --ids and --source, got ${what}.`)
  }
  if (column !== undefined && csv === undefined) {
    throw new UsageError('--column names a column of --csv, which is not given.')
  }
  if (ids !== undefined) return { kind: 'ids', ids: listOf(ids) }
  if (source !== undefined) return { kind: 'source', source: sourceOf(source) }
  return csv === '-' ? { kind: 'stream', name: 'stdin', open: () => stdin } : fileInput(csv ?? '')
}

function listOf(text: string): readonly string[] {
  const ids = text
    .split(/[\s,]+/)
    .map((id) => id.trim())
    .filter((id) => id !== '')
  if (ids.length === 0) throw new UsageError('--ids: expected record ids separated by commas.')
  return ids
}

function sourceOf(text: string): Readonly<Record<string, unknown>> {
  const parsed = z.record(z.string(), z.unknown()).safeParse(jsonOf(text))
  if (!parsed.success) throw new UsageError('--source: expected a JSON object with a type.')
  if (parsed.data['type'] === 'upload') {
    throw new UsageError('--source: an upload has no bytes here. Use --csv <path>, or --csv -.')
  }
  return parsed.data
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

async function fileInput(name: string): Promise<Input> {
  const found = await statOf(name)
  if (found.isDirectory()) {
    throw new UsageError(`--csv: ${name} is a directory. Name the file in it.`)
  }
  try {
    await access(name, constants.R_OK)
  } catch {
    throw new UsageError(`--csv: ${name} may not be read by this user.`)
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

/** The folder of which the planner must be allowed to read, where it is to read a file. */
export function rootOf(input: Input): string | null {
  if (input.kind === 'file') return dirname(input.path)
  if (input.kind !== 'source' || input.source['type'] !== 'file') return null
  // A path that is not absolute counts from the first root, which is this one where there is no other.
  const path = String(input.source['path'])
  return isAbsolute(path) ? dirname(path) : resolve('')
}

/** What the ids are called on the screen. */
export function nameOf(input: Input): string {
  switch (input.kind) {
    case 'ids':
      return '--ids'
    case 'file':
    case 'stream':
      return input.name
    case 'source':
      return String(input.source['path'] ?? `source ${input.source['type']}`)
    default:
      throw new TypeError(`Unknown input ${JSON.stringify(input satisfies never)}`)
  }
}

/**
 * The bytes that go along with a request whose source is an upload, decompressed where they are not
 * plain. A file that is written to meanwhile would be a list that nobody meant: that throws.
 */
export function uploadOf(
  { source }: DeletionRequest,
  input: Input,
): AsyncIterable<Uint8Array> | undefined {
  if (source.type !== 'upload') return undefined
  switch (input.kind) {
    case 'file':
      return decompress(
        readSourceFile({ path: input.path, roots: [dirname(input.path)] }),
        input.name,
      )
    case 'stream':
      return decompress(input.open(), input.name)
    case 'ids':
    case 'source':
      return undefined
    default:
      throw new TypeError(`Unknown input ${JSON.stringify(input satisfies never)}`)
  }
}
