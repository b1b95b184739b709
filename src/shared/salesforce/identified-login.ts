import type { Login, loginFlow } from './auth.ts'
import { SalesforceError, WrongOrgError } from './errors.ts'
import { canonicalOrgId } from './org.ts'
import type { Access } from './session.ts'

/**
 * Logins whose org is verified before the token is used. While a worker runs, a secret may be
 * replaced, a sandbox refreshed, or an answer may come from elsewhere, so each login is verified.
 */

interface IdentifiedLoginOptions {
  readonly login: ReturnType<typeof loginFlow>
  /** 15 or 18 characters; if undefined, the first login decides. */
  readonly expectedOrgId: string | undefined
  /** Finds out, with read-only calls, whose token this is; null if the user may not know. */
  readonly ask: (login: Login) => Promise<string | null>
}

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
  const { login, ask } = options
  let org = options.expectedOrgId === undefined ? null : expected(options.expectedOrgId)
  const hosts = new Set<string>()

  return async (refused) => {
    const fresh = await login(refused)
    const { instanceUrl, token } = fresh
    const orgs = orgsNamedBy(fresh)
    for (const named of orgs) assertOrg(org, named)
    const isKnownHost = hosts.size === 0 || hosts.has(instanceUrl.origin)
    if (orgs.size === 0 || (orgs.size === 1 && !isKnownHost)) {
      const told = await ask(fresh)
      if (told !== null) orgs.add(told)
    }
    for (const named of orgs) assertOrg(org, named)
    org = theOne(orgs)
    hosts.add(instanceUrl.origin)
    return { instanceUrl, token, orgId: org }
  }
}

/** @throws WrongOrgError if another org is expected. */
export function assertOrg(expected: string | null, actual: string): void {
  if (expected !== null && expected !== actual) throw new WrongOrgError(expected, actual)
}

function expected(text: string): string {
  return canonicalOrgId(text) ?? text
}

/**
 * The orgs named in a token answer: `https://login.salesforce.com/id/<org id>/<user id>`, and the
 * opaque token's `<org id>!…`. Other tokens, such as a JWT, name none.
 */
function orgsNamedBy({ idUrl, token }: Login): Set<string> {
  const names = [
    /\/id\/([0-9A-Za-z]+)\//.exec(idUrl ?? '')?.[1],
    /^([0-9A-Za-z]+)!/.exec(token)?.[1],
  ]
  return new Set(names.flatMap((name) => (name && canonicalOrgId(name)) ?? []))
}

function theOne(orgs: ReadonlySet<string>): string {
  const [org, other] = orgs
  if (org === undefined) {
    throw unusable(
      'ORG_UNKNOWN',
      'the answer does not say of which org, and the user may read neither userinfo nor the Organization record',
      'Give the app the scope `id` or `openid`, or the user the right to read the org.',
    )
  }
  if (other === undefined) return org
  throw unusable(
    'ORG_AMBIGUOUS',
    `it is said to be of org ${org} and of org ${other}`,
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
