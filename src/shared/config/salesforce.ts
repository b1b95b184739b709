import type { SecretFile } from '../base/text-file.ts'
import { type Credentials, jwtAudience } from '../salesforce/credentials.ts'
import type { Environment, Variables } from './environment.ts'
import { SETTINGS } from './schema.ts'
import { type Settings, variablesOf } from './settings.ts'

type Login = Settings<(typeof SETTINGS)['salesforce']>

/** The ways to log in, each with the keys that it needs. */
const WAYS = [
  {
    kind: 'client-credentials',
    title: 'client credentials',
    keys: ['loginUrl', 'clientId', 'clientSecret'],
  },
  { kind: 'jwt', title: 'JWT bearer', keys: ['loginUrl', 'clientId', 'username', 'jwtKey'] },
  { kind: 'token', title: 'a token that you already have', keys: ['instanceUrl', 'accessToken'] },
  { kind: 'sf', title: 'an org of the sf CLI', keys: ['targetOrg'] },
] as const

type Way = (typeof WAYS)[number]
type Key = Way['keys'][number]

const KEYS: readonly Key[] = [...new Set(WAYS.flatMap(({ keys }) => [...keys]))]

interface CredentialsContext {
  /** The environment for `sf`, if the login is by it. */
  readonly env: Variables
  readonly warn: (warning: string) => void
}

/** Whether the environment has a part of a login; an API version or an org id alone is none. */
export function hasLogin(environment: Environment): boolean {
  const names = variablesOf(SETTINGS.salesforce)
  const given = [...names].filter(([, name]) => environment.lookup(name) !== undefined)
  return given.some(([key]) => !['orgId', 'apiVersion'].includes(key))
}

/**
 * The credentials of one org, from one place.
 *
 * @param where name of that place for the user: `SALESFORCE_*`, or the section's name
 * @returns null if they are incomplete, ambiguous or wrong; then a problem was added
 */
export async function readCredentials(
  settings: Login,
  where: string,
  { env, warn }: CredentialsContext,
): Promise<Credentials | null> {
  const given = new Set(KEYS.filter((key) => settings.namesOf(key).length > 0))
  const [way, second] = WAYS.filter(({ keys }) => keys.every((key) => given.has(key)))
  if (way === undefined) return refuseIncomplete(settings, where, given, env)
  if (second !== undefined) {
    const sets = `${spelled(settings, way)} and ${spelled(settings, second)}`
    settings.refuse(where, `two complete sets of credentials, ${sets}. Keep one of them.`)
    return null
  }
  const keys: readonly Key[] = way.keys
  for (const key of given) {
    if (keys.includes(key)) continue
    warn(`${settings.namesOf(key).join(', ')}: not used; the login is by ${way.title}.`)
  }
  return readWay(settings, way, env)
}

async function readWay(
  settings: Login,
  { kind }: Way,
  env: Variables,
): Promise<Credentials | null> {
  switch (kind) {
    case 'client-credentials': {
      const loginUrl = settings.get('loginUrl')
      const clientId = settings.get('clientId')
      const clientSecret = await settings.secret('clientSecret')
      if (loginUrl !== undefined) refuseSharedHost(settings, loginUrl)
      return loginUrl && clientId && clientSecret
        ? { kind, loginUrl, clientId, clientSecret, ...fileOf(settings, 'clientSecret') }
        : null
    }
    case 'jwt': {
      const loginUrl = settings.get('loginUrl')
      const clientId = settings.get('clientId')
      const username = settings.get('username')
      const privateKey = await settings.secret('jwtKey')
      const audience = settings.get('jwtAudience') ?? (loginUrl && jwtAudience(loginUrl))
      if (!(loginUrl && clientId && username && privateKey && audience)) return null
      const file = fileOf(settings, 'jwtKey')
      return { kind, loginUrl, clientId, username, privateKey, audience, ...file }
    }
    case 'token': {
      const instanceUrl = settings.get('instanceUrl')
      const accessToken = await settings.secret('accessToken')
      return instanceUrl && accessToken
        ? { kind, instanceUrl, accessToken, ...fileOf(settings, 'accessToken') }
        : null
    }
    case 'sf': {
      const targetOrg = settings.get('targetOrg')
      return targetOrg ? { kind, targetOrg, env } : null
    }
    default:
      throw new TypeError(`Unknown credentials ${String(kind satisfies never)}`)
  }
}

function fileOf(settings: Login, key: Key): { readonly secretFile?: SecretFile } {
  const secretFile = settings.secretFile(key)
  return secretFile === undefined ? {} : { secretFile }
}

/** Salesforce answers "request not supported on this domain" there, whatever the secret. */
function refuseSharedHost(settings: Login, loginUrl: string): void {
  const { host } = new URL(loginUrl)
  if (!/^(login|test)\.salesforce\.com$/.test(host)) return
  const expected = "the org's own host, https://<My Domain>.my.salesforce.com"
  const message = `expected ${expected}, got ${host}: client credentials work nowhere else.`
  settings.refuse(settings.namesOf('loginUrl').join(), message)
}

async function refuseIncomplete(
  settings: Login,
  where: string,
  given: ReadonlySet<Key>,
  env: Variables,
): Promise<null> {
  if (given.size === 0) {
    const ways = WAYS.filter(({ kind }) => kind !== 'sf').map((way) => spelled(settings, way))
    settings.refuse(where, `no login. ${OTHER_LOGINS} set ${ways.join(', or ')}.`)
    return null
  }
  const way = nearest(given)
  for (const key of way.keys) {
    if (given.has(key)) continue
    settings.refuse(settings.nameOf(preferred(key)), `missing for ${spelled(settings, way)}.`)
  }
  // The given values may be wrong too; reports that at the same time.
  await readWay(settings, way, env)
  return null
}

const OTHER_LOGINS =
  'Store one with `expunge login`, name an org of the sf CLI with --target-org, or'

/** The way to which most of the given keys belong; of two, the one that lacks fewer. */
function nearest(given: ReadonlySet<Key>): Way {
  const present = ({ keys }: Way) => keys.filter((key) => given.has(key)).length
  const [first, ...others] = WAYS
  return others.reduce<Way>((best, way) => {
    const more = present(way) - present(best)
    return more > 0 || (more === 0 && way.keys.length < best.keys.length) ? way : best
  }, first)
}

function spelled(settings: Login, { title, keys }: Way): string {
  return `${title} (${keys.map((key) => settings.shortNameOf(preferred(key))).join(', ')})`
}

/** The preferred key: a PEM text has many lines, so it is better given by a file. */
function preferred(key: Key): string {
  return key === 'jwtKey' ? 'jwtKeyFile' : key
}
