import { createPrivateKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose/jwt/sign'
import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { ConfigError } from '../base/errors.ts'
import { isOneLine } from '../base/text-file.ts'
import { readError, readJson } from './answer.ts'
import { assertHttps, type Credentials, isRsaKey, isToken, secretFrom } from './credentials.ts'
import { SalesforceError } from './errors.ts'
import { retrying } from './retry.ts'
import type { Access } from './session.ts'
import { askSf, sfTokenRefused } from './sf-cli.ts'
import type { Transport } from './transport.ts'

type Secret = ReturnType<typeof secretFrom>

/** Sources disagree on the maximum lifetime of an assertion, 180 or 300 s; the lower is safe. */
const ASSERTION_LIFE_S = 180

const tokenAnswer = z.object({
  access_token: z.string().min(1),
  instance_url: z.string(),
  /** `https://login.salesforce.com/id/<org id>/<user id>` */
  id: z.string().nullish(),
})

/** The result of a login. `identifiedLogin` determines the org. */
export interface Login extends Access {
  /** The org that came with the token, and where it was named; unchecked. Null if none was. */
  readonly named: { readonly from: string; readonly org: string } | null
}

/** Logs in each time it is called; receives the access that was refused, if any. */
type LoginFlow = (refused: Access | undefined) => Promise<Login>

/**
 * The login flow for these credentials. Problems that can be detected without calling Salesforce
 * are thrown here, at startup.
 *
 * @param signal ends a login in progress, including the waits between its retries
 * @throws {ConfigError}
 */
export function loginFlow(
  credentials: Credentials,
  transport: Transport,
  clock: Clock,
  signal?: AbortSignal,
): LoginFlow {
  if (credentials.kind === 'sf') return (refused) => loginBySf(credentials, refused)
  const secret = secretOf(credentials)
  const shared = { transport, clock, signal, secret }
  switch (credentials.kind) {
    case 'client-credentials': {
      const url = tokenUrl(credentials.loginUrl)
      const form = async (clientSecret: string) => ({
        grant_type: 'client_credentials',
        client_id: credentials.clientId,
        client_secret: clientSecret,
      })
      return () => requestToken({ ...shared, url, form })
    }
    case 'jwt': {
      const url = tokenUrl(credentials.loginUrl)
      parseKey(credentials.privateKey)
      const form = async (pem: string) => ({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: await assertion(credentials, parseKey(pem), clock),
      })
      return () => requestToken({ ...shared, url, form })
    }
    case 'token': {
      const instanceUrl = assertHttps(credentials.instanceUrl, 'SALESFORCE_INSTANCE_URL')
      return async (refused) => {
        const token = await secret.read()
        if (refused?.token === token) throw expiredToken(secret)
        return { instanceUrl, token, named: null }
      }
    }
    default:
      // Not as JSON, which would contain the secret.
      throw new TypeError(`Unknown credentials ${String(credentials satisfies never)}`)
  }
}

/** `sf` keeps the token fresh, so asking it again is all that a renewal takes. */
async function loginBySf(
  options: Extract<Credentials, { kind: 'sf' }>,
  refused: Access | undefined,
): Promise<Login> {
  const { instanceUrl, token, orgId: org } = await askSf(options)
  if (refused?.token === token) throw sfTokenRefused(options.targetOrg)
  return {
    instanceUrl: new URL(assertHttps(instanceUrl, 'instanceUrl of sf').origin),
    token,
    named: org === undefined ? null : { from: 'sf', org },
  }
}

/** The secret part of the credentials, which may be re-read from a file. */
function secretOf(credentials: Exclude<Credentials, { kind: 'sf' }>): Secret {
  const file = credentials.secretFile
  switch (credentials.kind) {
    case 'client-credentials': {
      const variable = 'SALESFORCE_CLIENT_SECRET'
      return secretFrom({ text: credentials.clientSecret, file, variable, isUsable: isOneLine })
    }
    case 'jwt': {
      const variable = 'SALESFORCE_JWT_KEY'
      return secretFrom({ text: credentials.privateKey, file, variable, isUsable: isRsaKey })
    }
    case 'token': {
      const variable = 'SALESFORCE_ACCESS_TOKEN'
      return secretFrom({ text: credentials.accessToken, file, variable, isUsable: isToken })
    }
    default:
      // Not as JSON, which would contain the secret.
      throw new TypeError(`Unknown credentials ${String(credentials satisfies never)}`)
  }
}

function tokenUrl(loginUrl: string): URL {
  return new URL('/services/oauth2/token', assertHttps(loginUrl, 'SALESFORCE_LOGIN_URL'))
}

function parseKey(pem: string): KeyObject {
  const setting = 'SALESFORCE_JWT_KEY_FILE'
  const expected = 'expected an unencrypted RSA private key in PEM form'
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    throw new ConfigError([{ setting, message: `${expected}, got something unreadable as one.` }])
  }
  if (key.asymmetricKeyType === 'rsa') return key
  throw new ConfigError([{ setting, message: `${expected}, got ${key.asymmetricKeyType}.` }])
}

async function assertion(
  { clientId, username, audience }: Extract<Credentials, { kind: 'jwt' }>,
  key: KeyObject,
  clock: Clock,
): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(clientId)
    .setSubject(username)
    .setAudience(audience)
    .setExpirationTime(Math.floor(clock.now() / 1000) + ASSERTION_LIFE_S)
    .sign(key)
}

interface TokenRequest {
  readonly transport: Transport
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  readonly url: URL
  readonly secret: Secret
  /** The form with the secret, or with an assertion signed by it. */
  readonly form: (secret: string) => Promise<Record<string, string>>
}

async function requestToken(request: TokenRequest): Promise<Login> {
  const { transport, clock, signal, url, secret } = request
  return retrying(clock, signal, async () => {
    const text = await secret.read()
    const form = await request.form(text)
    const answer = await transport.exchange({
      operation: 'token',
      method: 'POST',
      url,
      form,
      signal,
    })
    if (answer.status !== 200) throw await readError(answer, clock, [text], secret.advice())
    const token = await readJson(answer, tokenAnswer)
    return {
      instanceUrl: new URL(assertHttps(token.instance_url, 'instance_url of the login').origin),
      token: token.access_token,
      named: orgOfIdUrl(token.id ?? ''),
    }
  })
}

function orgOfIdUrl(url: string): Login['named'] {
  const org = /\/id\/([0-9A-Za-z]+)\//.exec(url)?.[1]
  return org === undefined ? null : { from: 'the id URL of the answer', org }
}

function expiredToken(secret: Secret): SalesforceError {
  return new SalesforceError(
    {
      kind: 'org-fault',
      code: 'INVALID_SESSION_ID',
      operation: 'token',
      httpStatus: 401,
      transient: false,
      retryAfterMs: null,
    },
    'Salesforce no longer accepts the access token it was given, and a given token cannot be ' +
      `refreshed. ${secret.advice()} Client credentials need no such care.`,
  )
}
