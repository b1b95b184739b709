import { type KeyObject, verify } from 'node:crypto'
import { parseJsonOrUndefined } from './parse.ts'

/**
 * Salesforce accepts assertions that expire within minutes; sources disagree between three and
 * five.
 */
const MAX_LIFE_SECONDS = 300

const AUDIENCES = ['https://login.salesforce.com', 'https://test.salesforce.com']

/** Seconds since the epoch reach this value in the year 5138; larger values are milliseconds. */
const MILLISECONDS_FROM = 1e11

interface AssertionRules {
  /** The consumer key that must have issued it. */
  readonly clientId: string
  /** Key to check the signature, if given. */
  readonly publicKey: KeyObject | undefined
  /** An audience besides the two generic hosts. */
  readonly loginUrl: string
  readonly now: () => number
}

/**
 * Why a JWT bearer assertion is refused, as `[error, error_description]`; undefined if it is valid.
 */
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
  const audience = String(claims['aud']).replace(/\/$/, '')
  if (![...AUDIENCES, rules.loginUrl].includes(audience)) {
    return ['invalid_grant', 'audience is invalid']
  }
  if (!isTimely(claims['exp'], rules.now())) return ['invalid_grant', 'expired authorization code']
  if (typeof claims['sub'] !== 'string' || claims['sub'] === '') {
    return ['invalid_grant', "user hasn't approved this consumer"]
  }
  const signed = Buffer.from(`${head}.${body}`)
  return rules.publicKey === undefined ||
    verify('RSA-SHA256', signed, rules.publicKey, Buffer.from(signature, 'base64url'))
    ? undefined
    : ['invalid_grant', 'invalid assertion']
}

/**
 * Orgs accept what released clients send: seconds, as a number or as text (simple-salesforce), and
 * milliseconds. The sf CLI sends milliseconds and sets only 300 of them, which no network could
 * meet.
 */
function isTimely(exp: unknown, now: number): boolean {
  if (typeof exp !== 'number' && typeof exp !== 'string') return false
  const isMilliseconds = Number(exp) >= MILLISECONDS_FROM
  const left = Number(exp) / (isMilliseconds ? 1_000 : 1) - now / 1_000
  return left > (isMilliseconds ? -MAX_LIFE_SECONDS : 0) && left <= MAX_LIFE_SECONDS
}

const decode = (part: string) => parseJsonOrUndefined(Buffer.from(part, 'base64url'))
