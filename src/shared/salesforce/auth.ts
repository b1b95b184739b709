import { createPrivateKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { ConfigError } from '../errors.ts'
import { readError, readJson } from './answer.ts'
import { assertHttps, type Credentials } from './credentials.ts'
import { SalesforceError } from './errors.ts'
import { retrying } from './retry.ts'
import type { Access } from './session.ts'
import type { Transport } from './transport.ts'

/** Sources disagree on the ceiling of an assertion's life, 180 or 300 s: the lower is safe. */
const ASSERTION_LIFE_S = 180

const tokenAnswer = z.object({
  access_token: z.string().min(1),
  instance_url: z.string(),
  /** `https://login.salesforce.com/id/<org id>/<user id>` */
  id: z.string().nullish(),
})

/** An access fresh from the token endpoint. */
export interface Login extends Access {
  /** As the answer names it; null where it does not. */
  readonly orgId: string | null
}

/** Gets an access each time it is called; told the one that was refused, where one was. */
export type LoginFlow = (refused: Access | undefined) => Promise<Login>

/**
 * The login that these credentials allow. What is wrong with them without asking Salesforce is
 * thrown here, at the start.
 *
 * @throws {ConfigError}
 */
export function loginFlow(credentials: Credentials, transport: Transport, clock: Clock): LoginFlow {
  switch (credentials.kind) {
    case 'client-credentials': {
      const { clientId, clientSecret } = credentials
      const url = tokenUrl(credentials.loginUrl)
      const form = {
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
      }
      return () => requestToken(transport, clock, url, async () => form, [clientSecret])
    }
    case 'jwt': {
      const url = tokenUrl(credentials.loginUrl)
      const key = parseKey(credentials.privateKey)
      const form = async () => ({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: await assertion(credentials, key, clock),
      })
      return () => requestToken(transport, clock, url, form, [])
    }
    case 'token': {
      const instanceUrl = assertHttps(credentials.instanceUrl, 'SALESFORCE_INSTANCE_URL')
      const login = { instanceUrl, token: credentials.accessToken, orgId: null }
      return async (refused) => {
        if (refused) throw expiredToken()
        return login
      }
    }
    default:
      throw new TypeError(`Unknown credentials ${JSON.stringify(credentials satisfies never)}`)
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

async function requestToken(
  transport: Transport,
  clock: Clock,
  url: URL,
  form: () => Promise<Record<string, string>>,
  secrets: readonly string[],
): Promise<Login> {
  return retrying(clock, undefined, async () => {
    const answer = await transport.exchange({
      operation: 'token',
      method: 'POST',
      url,
      form: await form(),
    })
    if (answer.status !== 200) throw await readError(answer, clock, secrets)
    const token = await readJson(answer, tokenAnswer)
    return {
      instanceUrl: new URL(assertHttps(token.instance_url, 'instance_url of the login').origin),
      token: token.access_token,
      orgId: /\/id\/(00D[0-9A-Za-z]{12,15})\//.exec(token.id ?? '')?.[1] ?? null,
    }
  })
}

function expiredToken(): SalesforceError {
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
      'refreshed. Give a new SALESFORCE_ACCESS_TOKEN, or client credentials instead.',
  )
}
