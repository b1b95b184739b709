import { rm } from 'node:fs/promises'
import { loadConfig } from '../../shared/config/config.ts'
import { loginFile, storedLogins } from '../../shared/config/logins.ts'
import { DEFAULT_ORG } from '../../shared/contract/org-name.ts'
import { type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import type { Flags } from '../commands.ts'

/** Removes the stored login of an org; its requests stay. */
export async function logout(flags: Flags<'logout'>, { screen }: Cli): Promise<ExitCode> {
  const org = flags.org ?? DEFAULT_ORG
  const { home } = await loadConfig(screen.env, { redis: 'optional', salesforce: 'none' })
  const { names: stored, fault } = await storedLogins(home)
  if (!stored.includes(org)) {
    const known =
      stored.length === 0 ? (fault ?? 'There is none.') : `Stored: ${stored.join(', ')}.`
    throw new UsageError(`No login is stored for org "${org}". ${known}`)
  }
  await rm(loginFile(home, org))
  screen.say(`Removed the stored login of org "${org}". In Salesforce, its app remains.`)
  return EXIT.ok
}
