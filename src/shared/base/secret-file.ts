import { readTextFile } from './text-file.ts'

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
