import { readFile } from 'node:fs/promises'
import { codeOf } from './errors.ts'

/** Files that people and tools write by hand: settings, secrets, keys. */

/** A file that is no text. The message holds nothing of its content. */
export class NotTextError extends Error {}

/** @throws NotTextError, and Node's error where the file cannot be read */
export async function readTextFile(path: string): Promise<string> {
  return decodeText(await readFile(path))
}

const BOMS = [
  // Before UTF-16, whose mark this one begins with.
  { bytes: [0xff, 0xfe, 0, 0], encoding: null },
  { bytes: [0, 0, 0xfe, 0xff], encoding: null },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
] as const

/**
 * UTF-8, or UTF-16 by its byte order mark, as PowerShell and Notepad write it; the mark is no part
 * of the text.
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

/** Why a file cannot be used, to go on from `the file …`. Holds nothing of its content. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof NotTextError) return error.message
  const code = codeOf(error) ?? 'unknown error'
  return code === 'EISDIR' ? 'is a directory, not a file' : `cannot be read (${code})`
}

/** A file that holds one secret. Whoever rotates the secret replaces its content. */
export interface SecretFile {
  readonly path: string
  /** What its user calls it: `SALESFORCE_CLIENT_SECRET_FILE`. */
  readonly setting: string
}

/**
 * The secret alone; empty where the file is.
 *
 * @throws NotTextError, and Node's error where it cannot be read
 */
export async function readSecretFile(path: string): Promise<string> {
  return withoutEnd(await readTextFile(path))
}

/** Editors, `echo` and `kubectl create secret` end a secret with what is no part of it. */
export function withoutEnd(secret: string): string {
  return secret.trimEnd()
}

/** Passwords and the like: a second line is another secret, or no secret at all. */
export function isOneLine(secret: string): boolean {
  return secret !== '' && !/[\r\n]/.test(secret)
}
