import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { codeOf, messageOf } from '../base/errors.ts'
import { readTextFile, whyUnreadable } from '../base/text-file.ts'
import { ORG_NAME } from '../contract/org-name.ts'
import type { SettingSource } from './settings.ts'

/**
 * Logins that `expunge login` stored, one file per org under `logins` in EXPUNGE_HOME. A file holds a
 * secret, or the path of one, so it belongs to its owner alone.
 */

const storedLoginSchema = z.object({
  v: z.literal(1),
  /** Settings by the keys of `salesforce` in the configuration file. */
  salesforce: z.record(z.string(), z.string()),
  /** The org as it was when the login was stored; for people. */
  seen: z.object({
    name: z.string().nullable(),
    isSandbox: z.boolean().nullable(),
    username: z.string().nullable(),
    host: z.string(),
  }),
})

export type StoredLogin = z.infer<typeof storedLoginSchema>

export const loginFile = (home: string, org: string): string => join(home, 'logins', `${org}.json`)

/**
 * Names of the orgs with a stored login. A folder that cannot be read is a fault and no error: the
 * user of a service may have no access to a home, and needs none.
 */
export async function storedLogins(
  home: string,
): Promise<{ readonly names: readonly string[]; readonly fault: string | null }> {
  const folder = join(home, 'logins')
  let fault: string | null = null
  const files = await readdir(folder).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) {
      fault = `stored logins are not used: the folder ${folder} ${whyUnreadable(error)}.`
    }
    return []
  })
  const names = files.flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -5)] : []))
  return { names: names.filter((name) => ORG_NAME.test(name)).sort(), fault }
}

/** @returns what is wrong with the file, if anything is; it does not quote its content */
export async function readStoredLogin(
  file: string,
): Promise<StoredLogin | { readonly fault: string }> {
  try {
    const parsed = storedLoginSchema.safeParse(JSON.parse(await readTextFile(file)))
    return parsed.success
      ? parsed.data
      : { fault: 'is not in the form that `expunge login` writes' }
  } catch (error) {
    return { fault: error instanceof SyntaxError ? 'is not JSON' : whyUnreadable(error) }
  }
}

/** Why others may read the file; null if they may not. */
export async function exposureOf(file: string): Promise<string | null> {
  const mode = await stat(file).then(
    (found) => found.mode & 0o077,
    (error: unknown) => messageOf(error),
  )
  return mode === 0 ? null : `other users of this machine may read ${file}: chmod 600 it.`
}

/** A stored login as a source of settings. */
export function loginSource(
  { salesforce }: Pick<StoredLogin, 'salesforce'>,
  file: string,
): SettingSource {
  const nameOf = (key: string) => `${key} in ${file}`
  return {
    get: (key) => {
      const text = Object.hasOwn(salesforce, key) && salesforce[key]
      return text ? { name: nameOf(key), directory: '.', text } : undefined
    },
    list: () => undefined,
    nameOf,
    shortNameOf: (key) => key,
  }
}
