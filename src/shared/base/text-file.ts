import { readFile } from 'node:fs/promises'
import { codeOf } from './errors.ts'

/** Text files that people and tools write: settings, secrets, keys. */

/** The file is not text. The message quotes nothing of its content. */
export class NotTextError extends Error {}

/** @throws NotTextError, or Node's error if the file cannot be read */
export async function readTextFile(path: string): Promise<string> {
  return decodeText(await readFile(path))
}

const BOMS = [
  // Before UTF-16, whose byte order mark is a prefix of this one.
  { bytes: [0xff, 0xfe, 0, 0], encoding: null },
  { bytes: [0, 0, 0xfe, 0xff], encoding: null },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
] as const

/**
 * Decodes UTF-8, or UTF-16 with a byte order mark, as PowerShell and Notepad write it. The mark is
 * removed.
 *
 * @throws NotTextError
 */
export function decodeText(content: Uint8Array): string {
  const bom = BOMS.find(({ bytes }) => bytes.every((byte, i) => content[i] === byte))
  if (bom?.encoding === null) throw new NotTextError('is UTF-32. Save it as UTF-8')
  const encoding = bom?.encoding ?? 'utf-8'
  const text = decoded(content, encoding).replace(/^\uFEFF+/, '')
  if (text.includes('\0')) {
    throw new NotTextError(
      'holds a NUL character: it is binary, or UTF-16 without a byte order mark. Save it as UTF-8',
    )
  }
  return text
}

function decoded(content: Uint8Array, encoding: 'utf-8' | 'utf-16le' | 'utf-16be'): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(content)
  } catch {
    throw new NotTextError(`is not valid ${encoding.toUpperCase()}. Save it as UTF-8`)
  }
}

/** Why a file cannot be used, to complete `the file …`. Quotes nothing of its content. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof NotTextError) return error.message
  const code = codeOf(error) ?? 'unknown error'
  return code === 'EISDIR' ? 'is a directory, not a file' : `cannot be read (${code})`
}

/** A file that holds one secret. Rotating the secret replaces its content. */
export interface SecretFile {
  readonly path: string
  /** The setting that names it, such as `SALESFORCE_CLIENT_SECRET_FILE`. */
  readonly setting: string
}

/**
 * The secret, without line breaks at its end; empty if the file is.
 *
 * @throws NotTextError, or Node's error if the file cannot be read
 */
export async function readSecretFile(path: string): Promise<string> {
  return withoutEnd(await readTextFile(path))
}

/** Editors, `echo` and `kubectl create secret` add a line break that is not part of the secret. */
export function withoutEnd(secret: string): string {
  return secret.trimEnd()
}

/** Passwords and client secrets have one line. */
export function isOneLine(secret: string): boolean {
  return secret !== '' && !/[\r\n]/.test(secret)
}
