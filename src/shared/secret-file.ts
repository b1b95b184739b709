import { readFile } from 'node:fs/promises'

/** A file that holds one secret. Whoever rotates the secret replaces its content. */
export interface SecretFile {
  readonly path: string
  /** What its user calls it: `SALESFORCE_CLIENT_SECRET_FILE`. */
  readonly setting: string
}

/** The secret alone; empty where the file is. @throws Node's error where it cannot be read */
export async function readSecretFile(path: string): Promise<string> {
  // Editors and `echo` end a file with a newline that is no part of the secret.
  return (await readFile(path, 'utf8')).replace(/[\r\n]+$/, '')
}
