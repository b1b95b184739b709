import { ConfigError } from '../base/errors.ts'
import type { SecretFile } from '../base/text-file.ts'
import {
  assertHttps,
  type Credentials,
  isRsaKey,
  isToken,
  jwtAudience,
} from '../salesforce/credentials.ts'
import type { Settings, ValueForm } from './settings.ts'

/** The ways to log in, each with all that it needs. */
const WAYS = [
  {
    kind: 'client-credentials',
    title: 'client credentials',
    keys: ['loginUrl', 'clientId', 'clientSecret'],
  },
  { kind: 'jwt', title: 'JWT bearer', keys: ['loginUrl', 'clientId', 'username', 'jwtKey'] },
  { kind: 'token', title: 'a token that you already have', keys: ['instanceUrl', 'accessToken'] },
] as const

type Way = (typeof WAYS)[number]
type Key = Way['keys'][number]

const KEYS: readonly Key[] = [...new Set(WAYS.flatMap(({ keys }) => [...keys]))]

/** Those that a file may hold. */
const SECRETS: ReadonlySet<Key> = new Set(['clientSecret', 'jwtKey', 'accessToken'])

/**
 * The credentials of one org, from one place.
 *
 * @param where what the user calls that place: `SALESFORCE_*`, or the section's name
 * @returns null where they are incomplete, ambiguous or wrong: then there is a problem that says so
 */
export async function readCredentials(
  settings: Settings,
  where: string,
  warn: (warning: string) => void,
): Promise<Credentials | null> {
  const given = new Set(KEYS.filter((key) => namesOf(settings, key).length > 0))
  const [way, second] = WAYS.filter(({ keys }) => keys.every((key) => given.has(key)))
  if (way === undefined) return refuseIncomplete(settings, where, given)
  if (second !== undefined) {
    const sets = `${spelled(settings, way)} and ${spelled(settings, second)}`
    settings.refuse(where, `two complete sets of credentials, ${sets}. Keep one of them.`)
    return null
  }
  const keys: readonly Key[] = way.keys
  for (const key of given) {
    if (keys.includes(key)) continue
    warn(`${namesOf(settings, key).join(', ')}: not used; the login is by ${way.title}.`)
  }
  return readWay(settings, way)
}

/** Makes every key known to the file's section, also those of a login that is not used. */
export function knowKeys(settings: Settings): void {
  for (const key of KEYS) namesOf(settings, key)
  settings.namesOf('jwtAudience')
}

function namesOf(settings: Settings, key: Key): readonly string[] {
  return SECRETS.has(key) ? settings.namesOf(key, `${key}File`) : settings.namesOf(key)
}

async function readWay(settings: Settings, { kind }: Way): Promise<Credentials | null> {
  switch (kind) {
    case 'client-credentials': {
      const loginUrl = readHost(settings, 'loginUrl')
      const clientId = settings.text('clientId')
      const clientSecret = await settings.secret('clientSecret')
      if (loginUrl !== undefined) refuseSharedHost(settings, loginUrl)
      return loginUrl && clientId && clientSecret
        ? { kind, loginUrl, clientId, clientSecret, ...fileOf(settings, 'clientSecret') }
        : null
    }
    case 'jwt': {
      const loginUrl = readHost(settings, 'loginUrl')
      const clientId = settings.text('clientId')
      const username = settings.text('username')
      const privateKey = await settings.secret('jwtKey', RSA_KEY)
      const audience = readAudience(settings) ?? (loginUrl && jwtAudience(loginUrl))
      if (!(loginUrl && clientId && username && privateKey && audience)) return null
      const file = fileOf(settings, 'jwtKey')
      return { kind, loginUrl, clientId, username, privateKey, audience, ...file }
    }
    case 'token': {
      const instanceUrl = readHost(settings, 'instanceUrl')
      const accessToken = await settings.secret('accessToken', TOKEN)
      return instanceUrl && accessToken
        ? { kind, instanceUrl, accessToken, ...fileOf(settings, 'accessToken') }
        : null
    }
    default:
      throw new TypeError(`Unknown credentials ${String(kind satisfies never)}`)
  }
}

function fileOf(settings: Settings, key: Key): { readonly secretFile?: SecretFile } {
  const secretFile = settings.secretFile(key)
  return secretFile === undefined ? {} : { secretFile }
}

/** A host that a token may travel to, as in `https://acme.my.salesforce.com`. */
function readHost(settings: Settings, key: 'loginUrl' | 'instanceUrl'): string | undefined {
  const url = readUrl(settings, key)
  if (url === undefined) return undefined
  if (url.hostname.endsWith('.lightning.force.com')) {
    const expected = 'https://<My Domain>.my.salesforce.com'
    return settings.refuse(nameOf(settings, key), `expected ${expected}, got ${url.origin}.`)
  }
  if (url.pathname !== '/' || url.search !== '') {
    return settings.refuse(nameOf(settings, key), `expected ${url.origin} alone, got a path too.`)
  }
  return url.origin
}

function readUrl(settings: Settings, key: string): URL | undefined {
  const text = settings.text(key)
  if (text === undefined) return undefined
  try {
    return assertHttps(text, nameOf(settings, key))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) settings.refuse(problem.setting, problem.message)
    return undefined
  }
}

/** An Experience Cloud site has a path, and a closing slash would make it another audience. */
function readAudience(settings: Settings): string | undefined {
  return readUrl(settings, 'jwtAudience')?.href.replace(/\/$/, '')
}

function nameOf(settings: Settings, key: string): string {
  return settings.namesOf(key)[0] ?? settings.nameOf(key)
}

/** Salesforce answers "request not supported on this domain" there, whatever the secret. */
function refuseSharedHost(settings: Settings, loginUrl: string): void {
  const { host } = new URL(loginUrl)
  if (!/^(login|test)\.salesforce\.com$/.test(host)) return
  const expected = "the org's own host, https://<My Domain>.my.salesforce.com"
  const message = `expected ${expected}, got ${host}: client credentials work nowhere else.`
  settings.refuse(nameOf(settings, 'loginUrl'), message)
}

const RSA_KEY: ValueForm<string> = {
  expected: 'an RSA private key of 2048 bits or more, as PEM without passphrase',
  parse: (text) => (isRsaKey(text) ? text : undefined),
}

const TOKEN: ValueForm<string> = {
  expected: 'one line of text without spaces',
  parse: (text) => (isToken(text) ? text : undefined),
}

async function refuseIncomplete(
  settings: Settings,
  where: string,
  given: ReadonlySet<Key>,
): Promise<null> {
  if (given.size === 0) {
    const ways = WAYS.map((way) => spelled(settings, way)).join(', or ')
    settings.refuse(where, `no credentials; expected ${ways}.`)
    return null
  }
  const way = nearest(given)
  for (const key of way.keys) {
    if (given.has(key)) continue
    settings.refuse(settings.nameOf(preferred(key)), `missing for ${spelled(settings, way)}.`)
  }
  // What is given may be wrong as well, and is to be told in the same breath.
  await readWay(settings, way)
  return null
}

/** The way that most of what is given belongs to; of two, the one that lacks less. */
function nearest(given: ReadonlySet<Key>): Way {
  const present = ({ keys }: Way) => keys.filter((key) => given.has(key)).length
  const [first, ...others] = WAYS
  return others.reduce<Way>((best, way) => {
    const more = present(way) - present(best)
    return more > 0 || (more === 0 && way.keys.length < best.keys.length) ? way : best
  }, first)
}

function spelled(settings: Settings, { title, keys }: Way): string {
  return `${title} (${keys.map((key) => settings.shortNameOf(preferred(key))).join(', ')})`
}

/** How a key is best given: a PEM text has many lines, so by its file. */
function preferred(key: Key): string {
  return key === 'jwtKey' ? 'jwtKeyFile' : key
}
