import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  ConfigError,
  type ConfigProblem,
  ExpungeError,
  messageOf,
} from '../../shared/base/errors.ts'
import { readSecretFile, whyUnreadable, withoutEnd } from '../../shared/base/text-file.ts'
import { type Config, loadConfig } from '../../shared/config/config.ts'
import { loginFile, loginSource, type StoredLogin } from '../../shared/config/logins.ts'
import { readCredentials } from '../../shared/config/salesforce.ts'
import { SETTINGS } from '../../shared/config/schema.ts'
import { type SettingSource, Settings } from '../../shared/config/settings.ts'
import { DEFAULT_ORG, ORG_NAME } from '../../shared/contract/org-name.ts'
import { replaceFile } from '../../shared/results/directory/files.ts'
import { createSalesforce, type Identity } from '../../shared/salesforce/client.ts'
import { countAttempts } from '../attempts.ts'
import { type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { privateDirectory } from '../embedded-redis/private-directory.ts'
import { flagNamed } from '../options.ts'
import { orgLine } from '../render/org.ts'
import { openPrompt } from './prompt.ts'

type Prompt = ReturnType<typeof openPrompt>

type LoginSettings = Readonly<Record<string, string>>

/**
 * Asks for what a login needs, tries it, and stores it in EXPUNGE_HOME for `run`, `worker` and
 * `doctor`. Nothing is stored if Salesforce refuses it.
 */
export async function login(flags: Flags<'login'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  const org = flags.org ?? DEFAULT_ORG
  if (!ORG_NAME.test(org)) {
    throw new UsageError('--org: expected 1 to 64 letters, digits, "_" or "-" as a name.')
  }
  const config = await loadConfig(screen.env, { redis: 'optional', salesforce: 'none' })
  const settings = await asked(flags, cli)
  const identity = await tried(settings, config, cli)
  const file = loginFile(config.home, org)
  await store(file, config.home, {
    v: 1,
    // Later logins are held to this org.
    salesforce: { ...settings, orgId: identity.orgId },
    seen: {
      ...{ name: identity.name, isSandbox: identity.isSandbox, username: identity.username },
      host: new URL(identity.instanceUrl).host,
    },
  })
  if (flags.json) screen.answerJson({ org, ...identity, file })
  screen.say(orgLine(org, identity, screen.sayStyle))
  screen.say(`Stored in ${file}, which only you can read.`)
  const before = config.orgs.get(org)?.login
  if (before === 'environment' || before === 'file') {
    const where = before === 'environment' ? 'the environment' : 'the configuration file'
    screen.warn(`${where} has a login for "${org}", too, and is used in its place.`)
  }
  screen.say(`To check what it may delete: ${commandFor('doctor --object Contact', { org })}`)
  return EXIT.ok
}

async function asked(flags: Flags<'login'>, cli: Cli): Promise<LoginSettings> {
  const canAsk = cli.screen.canAsk && flags.clientSecretFile !== '-'
  const prompt = canAsk ? openPrompt(cli) : null
  try {
    return await settingsOf(flags, cli, prompt)
  } finally {
    prompt?.close()
  }
}

/** The settings by the keys of the configuration file, from the flags or by asking. */
async function settingsOf(
  flags: Flags<'login'>,
  cli: Cli,
  prompt: Prompt | null,
): Promise<LoginSettings> {
  const ask = async (given: string | undefined, flag: string, question: string) => {
    if (given !== undefined) return given
    if (prompt !== null) return prompt.ask(question)
    throw new UsageError(`${flag} is missing, and there is no terminal to ask on.`)
  }
  const loginUrl = await ask(
    flags.loginUrl,
    '--login-url',
    'Login URL, https://<My Domain>.my.salesforce.com: ',
  )
  const isJwt = flags.jwtKeyFile !== undefined || (await choosesJwt(flags, prompt))
  const clientId = await ask(flags.clientId, '--client-id', 'Consumer key (client id): ')
  if (!isJwt) return { loginUrl, clientId, clientSecret: await secretOf(flags, cli, prompt) }
  const username = await ask(flags.username, '--username', 'User name in Salesforce: ')
  const key = await ask(
    flags.jwtKeyFile,
    '--jwt-key-file',
    'File with the private key (PEM, no passphrase): ',
  )
  return { loginUrl, clientId, username, jwtKeyFile: resolve(key) }
}

async function choosesJwt(flags: Flags<'login'>, prompt: Prompt | null): Promise<boolean> {
  if (flags.clientSecretFile !== undefined) return false
  if (flags.username !== undefined || prompt === null) return flags.username !== undefined
  const text = 'Log in by (1) client credentials or (2) JWT bearer [1, 2]: '
  for (;;) {
    const answer = await prompt.ask(text)
    if (answer === '1' || answer === '2') return answer === '2'
  }
}

/** Never from the command line, which other users of the machine can see. */
async function secretOf(
  { clientSecretFile: file }: Flags<'login'>,
  { screen }: Cli,
  prompt: Prompt | null,
): Promise<string> {
  if (file === '-') return withoutEnd(await text(screen.stdin))
  if (file !== undefined) {
    return readSecretFile(file).catch((error: unknown) => {
      throw new UsageError(`--client-secret-file: the file ${file} ${whyUnreadable(error)}.`)
    })
  }
  if (prompt !== null) return prompt.ask('Consumer secret (not shown): ', 'hidden')
  throw new UsageError(
    '--client-secret-file is missing, and there is no terminal to ask on. - reads the secret from stdin.',
  )
}

class OrgUnreachableError extends ExpungeError {
  readonly code = 'ORG_UNREACHABLE'
}

/** Logs in with the settings. @throws ConfigError, SalesforceError, OrgUnreachableError */
async function tried(
  settings: LoginSettings,
  { proxyEnv }: Config,
  { screen }: Cli,
): Promise<Identity> {
  const problems: ConfigProblem[] = []
  const read = new Settings(SETTINGS.salesforce, [typed(settings)], problems)
  const context = { env: screen.env, warn: () => {} }
  const credentials = await readCredentials(read, 'login', context)
  if (credentials === null || problems.length > 0) throw new ConfigError(problems)
  const attempts = countAttempts()
  const apiVersion = read.get('apiVersion')
  const onCall = attempts.called
  const salesforce = createSalesforce({ credentials, apiVersion, proxyEnv, onCall })
  try {
    return await salesforce.login()
  } catch (error) {
    const gaveUp = attempts.afterCall(error)
    throw gaveUp === '' ? error : new OrgUnreachableError(`${messageOf(error)}${gaveUp}`)
  } finally {
    salesforce.close()
  }
}

/** What was typed, under the names of the flags. */
function typed(settings: LoginSettings): SettingSource {
  const { get, list } = loginSource({ salesforce: settings }, '')
  const nameOf = (key: string) => flagNamed(key)
  return {
    get: (key) => {
      const setting = get(key)
      return setting && { ...setting, name: nameOf(key) }
    },
    list,
    nameOf,
    shortNameOf: nameOf,
  }
}

async function store(file: string, home: string, login: StoredLogin): Promise<void> {
  const advice = 'Choose another folder with EXPUNGE_HOME.'
  await privateDirectory(home, advice)
  await privateDirectory(resolve(file, '..'), advice)
  await replaceFile(file, `${JSON.stringify(login, null, 2)}\n`)
}
