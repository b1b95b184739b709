import { type ExecFileOptions, execFile } from 'node:child_process'
import { platform } from 'node:os'
import { z } from 'zod'
import { codeOf } from '../base/errors.ts'
import { redact } from '../base/secret-masking.ts'
import { isToken } from './credentials.ts'
import { SalesforceError } from './errors.ts'

/**
 * The orgs that Salesforce's own CLI, `sf`, is logged in to. It is asked by its commands: the tokens
 * in its files are encrypted with a key from the system's keychain, and only `sf` refreshes them.
 */

/** What an alias or a username of `sf` may consist of; it becomes an argument of a command. */
export const SF_ORG = /^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,127}$/

interface SfOrg {
  readonly instanceUrl: string
  readonly token: string
  /** As `sf` knows it; undefined if it does not say. */
  readonly orgId: string | undefined
}

interface SfOptions {
  /** Alias or username. */
  readonly targetOrg: string
  /** The environment in which `sf` is found and runs. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly timeoutMs?: number
}

/** `sf` starts in seconds; a first start, or a slow network, may take much longer. */
const TIMEOUT_MS = 60_000
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024

const described = z.object({
  id: z.string().optional(),
  accessToken: z.string().optional(),
  instanceUrl: z.string(),
  connectedStatus: z.string().optional(),
})

const shown = z.object({ accessToken: z.string() })

const failure = z.object({
  name: z.string(),
  message: z.string(),
  actions: z.array(z.string()).optional(),
})

/**
 * Asks `sf` for an access token, which it refreshes. Since May 2026 `sf org display` hides the token,
 * and `sf org auth show-access-token` gives it; older versions lack that command.
 *
 * @throws SalesforceError, an org fault: no `sf`, an org it is not logged in to, no usable answer
 */
export async function askSf(options: SfOptions): Promise<SfOrg> {
  const { targetOrg } = options
  const org = await callSf(['org', 'display'], options, described)
  const { connectedStatus: status, instanceUrl, id: orgId } = org
  // Scratch orgs have none; `Unknown` means that sf did not try.
  if (status !== undefined && !/^(connected|unknown)$/i.test(status)) {
    throw trouble('SF_NOT_CONNECTED', `sf is not connected to ${targetOrg}: ${status}.`, LOG_IN)
  }
  const hasToken = /^(00D\w{12,15}!|eyJ)/.test(org.accessToken ?? '')
  const token = hasToken
    ? org.accessToken
    : (await callSf(['org', 'auth', 'show-access-token'], options, shown)).accessToken
  if (token !== undefined && isToken(token)) return { instanceUrl, token, orgId }
  throw trouble('SF_ANSWER', `sf gave no access token for ${targetOrg}.`, UPDATE)
}

const listed = z.array(
  z.object({
    alias: z.string().nullish(),
    username: z.string(),
    orgId: z.string().nullish(),
    instanceUrl: z.string().nullish(),
  }),
)

/** The orgs that `sf` is logged in to, without asking Salesforce. @throws as `askSf` */
export async function listSf(env: SfOptions['env']) {
  const orgs = await callSf(['org', 'list', 'auth'], { env }, listed)
  return orgs.map(({ alias, username, orgId, instanceUrl }) => ({
    name: alias || username,
    username,
    orgId: orgId ?? null,
    host: URL.parse(instanceUrl ?? '')?.host ?? null,
  }))
}

/** `sf` returned the same token again, which Salesforce no longer accepts. */
export function sfTokenRefused(targetOrg: string): SalesforceError {
  return trouble(
    'INVALID_SESSION_ID',
    `Salesforce no longer accepts the access token of ${targetOrg}, and sf could not refresh it.`,
    LOG_IN,
  )
}

const LOG_IN = 'Log in again with `sf org login web`, and look with `sf org list`.'
const INSTALL =
  'Install it (npm install --global @salesforce/cli), or give Expunge a login of its own: `expunge login`.'
const UPDATE = 'Update it with `sf update`, or give Expunge a login of its own: `expunge login`.'

const UNKNOWN =
  'Log in with `sf org login web` or `expunge login`, and see `expunge orgs` for the orgs that are known.'

const withoutSf = (targetOrg: string | undefined): string =>
  targetOrg === undefined
    ? 'The Salesforce CLI, sf, is not on the PATH.'
    : `Unknown org ${targetOrg}: Expunge has no login for it (see \`expunge orgs\`), and the Salesforce CLI, sf, ` +
      'is not on the PATH to look it up.'

async function callSf<T>(
  command: readonly string[],
  { targetOrg, env, timeoutMs = TIMEOUT_MS }: Omit<SfOptions, 'targetOrg'> & { targetOrg?: string },
  schema: z.ZodType<T>,
): Promise<T> {
  const name = `sf ${command.join(' ')}`
  const target = targetOrg === undefined ? [] : ['--target-org', targetOrg]
  const output = await runSf([...command, ...target, '--json'], env, timeoutMs)
  if (output === 'absent') {
    throw trouble('SF_NOT_FOUND', withoutSf(targetOrg), INSTALL)
  }
  if (output === 'late') {
    const seconds = Math.ceil(timeoutMs / 1000)
    throw trouble('SF_TIMEOUT', `\`${name}\` gave no answer within ${seconds} s.`, UPDATE)
  }
  const answer = z.object({ result: schema }).safeParse(output)
  if (answer.success) return answer.data.result
  const { data: failed } = failure.safeParse(output)
  if (failed !== undefined) {
    const isUnknown = failed.name === 'NamedOrgNotFoundError'
    const advice = isUnknown ? UNKNOWN : redact(failed.actions?.join(' ') ?? '') || LOG_IN
    const which = targetOrg === undefined ? '' : ` for ${targetOrg}`
    const code = redact(failed.name)
    const message = `\`${name}\` failed${which}: ${code}: ${redact(failed.message)}`
    throw trouble(code, message.replace(/[^.]$/, '$&.'), advice)
  }
  // Not quoted: it may hold a token.
  throw trouble('SF_ANSWER', `\`${name}\` gave no answer in the form expected.`, UPDATE)
}

/** The JSON of the answer, whatever the exit code; undefined if there is none. */
function runSf(args: readonly string[], env: SfOptions['env'], timeout: number): Promise<unknown> {
  // On Windows it is a batch file, which only a shell starts. SF_ORG admits nothing to be quoted.
  const isBatchFile = platform() === 'win32'
  const [file, given] = isBatchFile ? [['sf', ...args].join(' '), []] : ['sf', args]
  const options: ExecFileOptions = {
    env: { ...withoutOurs(env), FORCE_COLOR: '0', SF_SKIP_NEW_VERSION_CHECK: 'true' },
    timeout,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT_BYTES,
    windowsHide: true,
    shell: isBatchFile,
  }
  return new Promise((resolve) => {
    const child = execFile(file, given, options, (error, stdout, stderr) => {
      const isAbsent = codeOf(error) === 'ENOENT' || codeOf(error) === 'EACCES'
      if (isAbsent) resolve('absent')
      else if (error?.killed) resolve('late')
      else resolve(jsonIn(String(stdout)) ?? jsonIn(String(stderr)))
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end()
  })
}

/** Keeps our secrets out of its environment. */
function withoutOurs(env: SfOptions['env']): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(EXPUNGE|SALESFORCE|REDIS)_/.test(name)),
  )
}

/** The object in a text; notices of updates may precede it. */
function jsonIn(text: string): unknown {
  const start = text.search(/^\s*\{/m)
  if (start < 0) return undefined
  try {
    return JSON.parse(text.slice(start))
  } catch {
    return undefined
  }
}

function trouble(code: string, what: string, advice: string): SalesforceError {
  return new SalesforceError(
    {
      ...{ kind: 'org-fault', code, operation: 'token', httpStatus: null },
      ...{ transient: false, retryAfterMs: null },
    },
    `${what} ${advice}`,
  )
}
