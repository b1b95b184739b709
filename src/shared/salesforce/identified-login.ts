import type { Login, loginFlow } from './auth.ts'
import { SalesforceError, WrongOrgError } from './errors.ts'
import { canonicalOrgId, type orgApi } from './org.ts'
import type { Access } from './session.ts'

/**
 * Logins whose org is verified before the token is used. While a worker runs, a secret may be
 * replaced, a sandbox refreshed, or an answer may come from elsewhere, so each login is verified.
 */

interface IdentifiedLoginOptions {
  readonly login: ReturnType<typeof loginFlow>
  /** 15 or 18 characters; if undefined, the first login decides. */
  readonly expectedOrgId: string | undefined
  /** Read-only calls with a token, to find out whose it is before anything else uses it. */
  readonly askWith: (login: Login) => OrgApi
  readonly signal: AbortSignal
}

type OrgApi = Pick<ReturnType<typeof orgApi>, 'user' | 'organization'>

/** What one part of Salesforce's answers says about the org of a login. */
interface OrgFact {
  /** Which part, for messages; such as `userinfo`. */
  readonly from: string
  /** 18 characters. */
  readonly orgId: string
}

/** The endpoints that know the org of a token, in messages. */
const ENDPOINTS = { user: 'userinfo', organization: 'the Organization record' } as const

/** An access with a known org. */
interface IdentifiedAccess extends Access {
  /** 18 characters. */
  readonly orgId: string
}

/**
 * The org of a login is the one named in its answer: by the `id` URL and the token's prefix. If
 * neither names one, or if the token leads to a new host, Salesforce is asked. All of these must
 * agree with each other, and with the org of earlier logins.
 *
 * The login throws WrongOrgError if any of them is another org than expected, and an org fault if
 * they disagree or none names an org: such a token is never used.
 */
export function identifiedLogin(
  options: IdentifiedLoginOptions,
): (refused: Access | undefined) => Promise<IdentifiedAccess> {
  const { login, askWith, signal } = options
  let org = options.expectedOrgId === undefined ? null : expected(options.expectedOrgId)
  const hosts = new Set<string>()

  return async (refused) => {
    const fresh = await login(refused)
    const { instanceUrl, token } = fresh
    const facts = factsIn(fresh)
    assertOrg(org, facts)
    const isKnownHost = hosts.size === 0 || hosts.has(instanceUrl.origin)
    if (facts.length === 0 || (isOneOrg(facts) && !isKnownHost)) {
      const told = await orgOfToken(askWith(fresh), signal)
      if (told !== null) facts.push(told)
    }
    assertOrg(org, facts)
    org = theOne(facts)
    hosts.add(instanceUrl.origin)
    return { instanceUrl, token, orgId: org }
  }
}

/**
 * The org of a token, from the two endpoints that know it; null if neither tells. Answers in an
 * unexpected form are ignored.
 */
async function orgOfToken(api: OrgApi, signal: AbortSignal): Promise<OrgFact | null> {
  for (const endpoint of ['user', 'organization'] as const) {
    try {
      const told = await api[endpoint](signal)
      if (told !== null) return { from: ENDPOINTS[endpoint], orgId: told.orgId }
    } catch (error) {
      if (!(error instanceof SalesforceError) || error.kind === 'org-fault') throw error
    }
  }
  return null
}

/**
 * Who the user of a session is, and of which org.
 *
 * @throws WrongOrgError if an endpoint names another org than the login did
 */
export async function identify(api: OrgApi, orgId: string, signal: AbortSignal | undefined) {
  const user = await api.user(signal)
  const organization = await api.organization(signal)
  assertOrg(orgId, [
    { from: 'the login', orgId },
    ...(user === null ? [] : [{ from: ENDPOINTS.user, orgId: user.orgId }]),
    ...(organization === null ? [] : [{ from: ENDPOINTS.organization, orgId: organization.orgId }]),
  ])
  return { user, organization }
}

/** @throws WrongOrgError if any of the facts names another org than the expected one. */
function assertOrg(expected: string | null, facts: readonly OrgFact[]): void {
  const other = facts.find(({ orgId }) => expected !== null && orgId !== expected)
  if (expected === null || other === undefined) return
  throw new WrongOrgError(expected, other.orgId, factWords(facts))
}

function expected(text: string): string {
  return canonicalOrgId(text) ?? text
}

/** The orgs named by the login: beside the token, and by the opaque token's prefix, `<org id>!…`. */
function factsIn({ named, token }: Login): OrgFact[] {
  const prefix = /^([0-9A-Za-z]+)!/.exec(token)?.[1] ?? ''
  return [named, { from: "the token's prefix", org: prefix }].flatMap((fact) => {
    const orgId = canonicalOrgId(fact?.org ?? '')
    return fact === null || orgId === undefined ? [] : [{ from: fact.from, orgId }]
  })
}

const isOneOrg = (facts: readonly OrgFact[]): boolean =>
  new Set(facts.map(({ orgId }) => orgId)).size === 1

const factWords = (facts: readonly OrgFact[]): string =>
  facts.map(({ from, orgId }) => `${from} says ${orgId}`).join(', ')

function theOne(facts: readonly OrgFact[]): string {
  const [first] = facts
  if (first === undefined) {
    throw unusable(
      'ORG_UNKNOWN',
      'nothing says of which org: the answer has no id URL, the token no prefix 00D…!, and the user ' +
        'may read neither userinfo nor the Organization record',
      'Give the app the scope `id` or `openid`, or the user the right to read the org.',
    )
  }
  if (isOneOrg(facts)) return first.orgId
  throw unusable(
    'ORG_AMBIGUOUS',
    `the parts of the answer name different orgs: ${factWords(facts)}`,
    'Check SALESFORCE_LOGIN_URL and what lies between here and Salesforce.',
  )
}

function unusable(code: string, what: string, advice: string): SalesforceError {
  return new SalesforceError(
    {
      ...{ kind: 'org-fault', code, operation: 'token', httpStatus: 200 },
      ...{ transient: false, retryAfterMs: null },
    },
    `Salesforce gave an access token, but ${what}. It was not used. ${advice}`,
  )
}
