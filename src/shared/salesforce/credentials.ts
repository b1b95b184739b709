import { createPrivateKey } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { ConfigError } from '../base/errors.ts'
import { readSecretFile, type SecretFile, whyUnreadable } from '../base/text-file.ts'

/**
 * How to log in to an org. URLs have no path. Secrets are plain strings that must never reach a
 * log, a message or an error (Salesforce Help: OAuth client credentials flow, OAuth JWT bearer
 * flow).
 */
export type Credentials = Way & {
  /** The file of the secret, re-read at each login, so that it can be rotated. */
  readonly secretFile?: SecretFile | undefined
}

type Way =
  | {
      readonly kind: 'client-credentials'
      /** The org's My Domain host: login.salesforce.com refuses this flow. */
      readonly loginUrl: string
      readonly clientId: string
      readonly clientSecret: string
    }
  | {
      readonly kind: 'jwt'
      readonly loginUrl: string
      readonly clientId: string
      readonly username: string
      /** PEM text of the RSA key whose certificate is registered with the app. */
      readonly privateKey: string
      /** See {@link jwtAudience}. */
      readonly audience: string
    }
  | {
      /** A token obtained elsewhere; it cannot be refreshed, only replaced in its file. */
      readonly kind: 'token'
      readonly instanceUrl: string
      readonly accessToken: string
    }
  | {
      /** An org that the `sf` CLI is logged in to, by alias or username. */
      readonly kind: 'sf'
      readonly targetOrg: string
      /** The environment for `sf`. */
      readonly env: Readonly<Record<string, string | undefined>>
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
 * The parsed URL, if a token may be sent to it: https anywhere, plain http to this machine only.
 *
 * @param setting name of the setting, for the message
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
    // Node's error describes OpenSSL internals and does not help users.
    return false
  }
}

/** The token becomes a header; a stray space or newline would fail there, far from its cause. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}

/** A login secret, read when it is needed: files are rotated while workers run. */
interface Secret {
  /** Re-read if it comes from a file. If the content is unusable, the last good secret is used. */
  read(): Promise<string>
  /** What to do if Salesforce refused the last secret. Contains no secret. */
  advice(): string
}

interface SecretSource {
  /** The secret at startup. */
  readonly text: string
  readonly file: SecretFile | undefined
  /** Name of its environment variable, such as `SALESFORCE_CLIENT_SECRET`. */
  readonly variable: string
  /** False for a text that cannot be such a secret: a half-written file, or the wrong one. */
  readonly isUsable: (text: string) => boolean
}

export function secretFrom({ text, file, variable, isUsable }: SecretSource): Secret {
  if (file === undefined) {
    const advice =
      `Store the right one with \`expunge login\`, or set ${variable} and start again; ` +
      `${variable}_FILE is read again at every login.`
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
        ? `Write the new secret to the file of ${file.setting}: it is read again at every login.`
        : `The file of ${file.setting}, ${file.path}, ${trouble}; the last secret known was used. ` +
          'Write the new one there: it is read again at every login.',
  }
}
