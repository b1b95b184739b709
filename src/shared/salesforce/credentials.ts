import { createPrivateKey } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { ConfigError } from '../base/errors.ts'
import { readSecretFile, type SecretFile, whyUnreadable } from '../base/text-file.ts'

/**
 * How to log in to an org. Urls carry no path; secrets are plain strings that never reach a log, a
 * message or an error (Salesforce Help: OAuth client credentials flow, OAuth JWT bearer flow).
 */
export type Credentials = Way & {
  /** Where the secret was read, and is read anew at each login: so it can be rotated. */
  readonly secretFile?: SecretFile | undefined
}

type Way =
  | {
      readonly kind: 'client-credentials'
      /** The org's My Domain host: the flow is refused on login.salesforce.com. */
      readonly loginUrl: string
      readonly clientId: string
      readonly clientSecret: string
    }
  | {
      readonly kind: 'jwt'
      readonly loginUrl: string
      readonly clientId: string
      readonly username: string
      /** PEM text of the RSA key whose certificate the app holds. */
      readonly privateKey: string
      /** See {@link jwtAudience}. */
      readonly audience: string
    }
  | {
      /** A token somebody else got; it cannot be refreshed, only replaced in its file. */
      readonly kind: 'token'
      readonly instanceUrl: string
      readonly accessToken: string
    }

// The last form is that of sandboxes before enhanced domains: <name>--<sandbox>[.<instance>].my…
const SANDBOX_HOST =
  /^test\.salesforce\.com$|\.(?:sandbox|scratch)\.my\.salesforce\.com$|^[^.]+--[^.]+\..*\bmy\.salesforce\.com$/i

/** The `aud` claim for a login host: sandboxes and scratch orgs log in at test.salesforce.com. */
export function jwtAudience(loginUrl: string): string {
  return SANDBOX_HOST.test(new URL(loginUrl).hostname)
    ? 'https://test.salesforce.com'
    : 'https://login.salesforce.com'
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    (isIPv4(hostname) && hostname.startsWith('127.'))
  )
}

/**
 * The url, parsed, where a token may travel to it: https anywhere, plain http to this machine only.
 *
 * @param setting what the user calls it, for the message
 * @throws {ConfigError}
 */
export function assertHttps(url: string, setting = 'SALESFORCE_LOGIN_URL'): URL {
  const expected = 'expected an https:// URL (plain http only to localhost)'
  if (!URL.canParse(url)) throw new ConfigError([{ setting, message: `${expected}.` }])
  const parsed = new URL(url)
  if (parsed.username !== '' || parsed.password !== '') {
    throw new ConfigError([{ setting, message: `${expected}, without a user and password in it.` }])
  }
  if (parsed.protocol === 'https:') return parsed
  if (parsed.protocol === 'http:' && isLoopback(parsed.hostname)) return parsed
  throw new ConfigError([
    { setting, message: `${expected}, got ${parsed.protocol}//${parsed.host}.` },
  ])
}

export function isRsaKey(pem: string): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem)
    return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
  } catch {
    // Node's reason names OpenSSL's internals and helps nobody.
    return false
  }
}

/** It becomes a header: a stray space or newline would fail there, far from its cause. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}

/** A secret of a login, as it is when it is asked for: files are rotated under a running worker. */
interface Secret {
  /** Read anew where it comes from a file. What cannot be used there leaves the last one good. */
  read(): Promise<string>
  /** What to do once Salesforce has refused what was read last. Holds no secret. */
  advice(): string
}

interface SecretSource {
  /** As it was at the start. */
  readonly text: string
  readonly file: SecretFile | undefined
  /** What the environment calls it: `SALESFORCE_CLIENT_SECRET`. */
  readonly variable: string
  /** False for a text that can be no such secret: a file that is being written, or the wrong one. */
  readonly isUsable: (text: string) => boolean
}

export function secretFrom({ text, file, variable, isUsable }: SecretSource): Secret {
  if (file === undefined) {
    const advice =
      `Set the new ${variable} and start again; given as ${variable}_FILE, it is read anew at ` +
      'every login.'
    return { read: async () => text, advice: () => advice }
  }
  let last = text
  let trouble: string | undefined
  return {
    read: async () => {
      try {
        const now = await readSecretFile(file.path)
        trouble = isUsable(now) ? undefined : 'holds nothing that could be used'
        if (trouble === undefined) last = now
      } catch (error) {
        trouble = whyUnreadable(error)
      }
      return last
    },
    advice: () =>
      trouble === undefined
        ? `Write the new secret to the file of ${file.setting}: it is read anew at every login.`
        : `The file of ${file.setting}, ${file.path}, ${trouble}; the last secret known was used. ` +
          'Write the new one there: it is read anew at every login.',
  }
}
