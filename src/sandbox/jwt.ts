import { type KeyObject, verify } from 'node:crypto'
import { parseJsonOrUndefined } from './fields.ts'

/** Salesforce takes assertions that expire within minutes; sources differ between three and five. */
const MAX_LIFE_SECONDS = 300

const AUDIENCES = ['https://login.salesforce.com', 'https://test.salesforce.com']

export interface AssertionRules {
  /** The consumer key that must have issued it. */
  readonly clientId: string
  /** Checks the signature where given. */
  readonly publicKey: KeyObject | undefined
  readonly now: () => number
}

/** Why a JWT bearer assertion is refused, as `[error, error_description]`; undefined where it holds. */
export function assertionProblem(
  assertion: string,
  rules: AssertionRules,
): readonly [string, string] | undefined {
  const [head = '', body = '', signature = ''] = assertion.split('.')
  const header = decode(head)
  const claims = decode(body)
  if (!header || !claims || header['alg'] !== 'RS256' || signature === '') {
    return ['invalid_grant', 'invalid assertion']
  }
  if (claims['iss'] !== rules.clientId) {
    return ['invalid_client_id', 'client identifier invalid']
  }
  if (!AUDIENCES.some((audience) => audience === claims['aud'])) {
    return ['invalid_grant', 'audience is invalid']
  }
  const left = typeof claims['exp'] === 'number' ? claims['exp'] - rules.now() / 1_000 : 0
  if (left <= 0 || left > MAX_LIFE_SECONDS) return ['invalid_grant', 'expired authorization code']
  if (typeof claims['sub'] !== 'string' || claims['sub'] === '') {
    return ['invalid_grant', "user hasn't approved this consumer"]
  }
  const signed = Buffer.from(`${head}.${body}`)
  return rules.publicKey === undefined ||
    verify('RSA-SHA256', signed, rules.publicKey, Buffer.from(signature, 'base64url'))
    ? undefined
    : ['invalid_grant', 'invalid assertion']
}

const decode = (part: string) => parseJsonOrUndefined(Buffer.from(part, 'base64url'))
