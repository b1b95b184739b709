import { createHmac, type KeyObject, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { assertionProblem } from './jwt.ts'
import type { CompleteOptions } from './options.ts'
import { json, Refusal, type Reply, refuse } from './reply.ts'

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** New client credentials; fields that are not given stay as they are. */
export interface SandboxCredentials {
  readonly clientSecret?: string | undefined
  /** Checks the signatures of JWT bearer assertions from now on. */
  readonly jwtPublicKey?: KeyObject | undefined
}

/** The OAuth endpoints and the access tokens that they issued. */
export class Auth {
  #options: CompleteOptions
  readonly #expiry = new Map<string, number>()

  constructor(options: CompleteOptions) {
    this.#options = options
  }

  get clientSecret(): string {
    return this.#options.clientSecret
  }

  /** Rotates the secret. Issued tokens stay valid. */
  accept({ clientSecret, jwtPublicKey }: SandboxCredentials): void {
    const { clientSecret: secret, jwtPublicKey: key } = this.#options
    this.#options = {
      ...this.#options,
      clientSecret: clientSecret ?? secret,
      jwtPublicKey: jwtPublicKey ?? key,
    }
  }

  /** `POST /services/oauth2/token`: client_credentials (form or Basic), JWT bearer, refresh_token. */
  token(request: IncomingMessage, form: URLSearchParams, url: string): Reply {
    switch (form.get('grant_type')) {
      case 'client_credentials':
        this.#checkClient(basicCredentials(request) ?? form)
        return this.#grant(url)
      case JWT_BEARER:
        this.#checkAssertion(form.get('assertion') ?? '', url)
        return this.#grant(url)
      case 'refresh_token':
        this.#checkRefresh(form)
        return this.#grant(url)
      case 'password':
        // Blocked by default since 2023, but the answer does not say so.
        return denied('invalid_grant', 'authentication failure')
      case null:
        return denied('invalid_request', 'grant type is missing')
      default:
        return denied('unsupported_grant_type', 'grant type not supported')
    }
  }

  /** `POST /services/oauth2/revoke`. */
  revoke(form: URLSearchParams): Reply {
    this.#expiry.delete(form.get('token') ?? '')
    return { kind: 'empty', status: 200 }
  }

  /** Ends the call with 401 if its token is missing, unknown, revoked or expired. */
  check(request: IncomingMessage): void {
    if (this.#isValid(tokenOf(request))) return
    refuse(401, 'INVALID_SESSION_ID', 'Session expired or invalid')
  }

  /**
   * The identity service also takes its token from the query (`oauth_token`). It refuses with 403
   * and one word of plain text, both invalid tokens and tokens with the scope `api` alone.
   */
  checkIdentity(request: IncomingMessage, query: URLSearchParams): void {
    const token = tokenOf(request) ?? query.get('oauth_token') ?? undefined
    if (token === undefined) refuseIdentity('Missing_OAuth_Token')
    if (!this.#isValid(token)) refuseIdentity('Bad_OAuth_Token')
    const scopes = this.#options.scope.split(' ')
    if (!IDENTITY_SCOPES.some((scope) => scopes.includes(scope))) refuseIdentity('Missing_Scope')
  }

  /** Invalidates all tokens issued so far. */
  expireTokens(): void {
    this.#expiry.clear()
  }

  #isValid(token: string | undefined): boolean {
    return (this.#expiry.get(token ?? '') ?? 0) > Date.now()
  }

  #grant(url: string): Reply {
    const { orgId, userId, clientSecret } = this.#options
    const token = `${orgId.slice(0, 15)}!AR8AQ${randomBytes(48).toString('base64url')}`
    this.#expiry.set(token, Date.now() + this.#options.tokenLifetimeMs)
    const id = `${url}/id/${orgId}/${userId}`
    const issuedAt = String(Date.now())
    return json(200, {
      access_token: token,
      signature: createHmac('sha256', clientSecret).update(`${id}${issuedAt}`).digest('base64'),
      scope: this.#options.scope,
      instance_url: url,
      id,
      token_type: 'Bearer',
      issued_at: issuedAt,
    })
  }

  #checkClient(credentials: URLSearchParams): void {
    if (credentials.get('client_id') !== this.#options.clientId) {
      throw new Refusal(denied('invalid_client_id', 'client identifier invalid'))
    }
    if (credentials.get('client_secret') !== this.#options.clientSecret) {
      throw new Refusal(denied('invalid_client', 'invalid client credentials'))
    }
  }

  #checkAssertion(assertion: string, loginUrl: string): void {
    const { clientId, jwtPublicKey: publicKey, now } = this.#options
    const problem = assertionProblem(assertion, { clientId, publicKey, loginUrl, now })
    if (problem) throw new Refusal(denied(...problem))
  }

  #checkRefresh(form: URLSearchParams): void {
    const { clientId, clientSecret, refreshToken } = this.#options
    const secret = form.get('client_secret') ?? clientSecret
    this.#checkClient(
      new URLSearchParams({ client_id: form.get('client_id') ?? '', client_secret: secret }),
    )
    if (form.get('client_id') === clientId && form.get('refresh_token') === refreshToken) return
    throw new Refusal(denied('invalid_grant', 'expired access/refresh token'))
  }
}

/** Scopes that let an app know whose token it has. */
const IDENTITY_SCOPES = ['id', 'openid', 'profile', 'full']

function refuseIdentity(text: string): never {
  throw new Refusal({ kind: 'text', status: 403, contentType: 'text/plain', text })
}

/** `OAuth` is an older word for `Bearer`. */
const tokenOf = ({ headers }: IncomingMessage) =>
  /^(?:Bearer|OAuth) (.+)$/i.exec(headers.authorization ?? '')?.[1]

/** Errors of the token endpoint are one object, not an array. */
function denied(error: string, description: string): Reply {
  return json(400, { error, error_description: description })
}

function basicCredentials(request: IncomingMessage): URLSearchParams | undefined {
  const encoded = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const [id = '', ...secret] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  return new URLSearchParams({ client_id: id, client_secret: secret.join(':') })
}
