import type { Login, loginFlow } from './auth.ts'
import { SalesforceError, WrongOrgError } from './errors.ts'
import { canonicalOrgId } from './org.ts'
import type { Access } from './session.ts'

/**
 * Logins whose org is known before the token is used. A secret may be replaced under a running
 * worker, a sandbox refreshed, an answer come from somewhere else: each login says anew whose it is.
 */

interface IdentifiedLoginOptions {
  readonly login: ReturnType<typeof loginFlow>
  /** 15 or 18 characters; the first login decides where there is none. */
  readonly expectedOrgId: string | undefined
  /** Asks, with calls that only read, whose token this is; null where the user may not know. */
  readonly ask: (login: Login) => Promise<string | null>
}

/** One whose org is known. */
interface IdentifiedAccess extends Access {
  /** 18 characters. */
  readonly orgId: string
}

/**
 * The org of a login is what its answer names: the `id` URL and the token's prefix. Where neither
 * names one, and where the token leads to a host that no login has led to before, Salesforce is
 * asked with it. All of these must agree with each other, and with the org of the logins before.
 *
 * The login throws WrongOrgError where any of them is another org than the one expected, and an org
 * fault where they disagree or nothing tells the org: such a token is never used.
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

/** @throws WrongOrgError where an org is expected and this is another. */
export function assertOrg(expected: string | null, actual: string): void {
  if (expected !== null && expected !== actual) throw new WrongOrgError(expected, actual)
}

function expected(text: string): string {
  return canonicalOrgId(text) ?? text
}

/**
 * What a token answer says of its org: `https://login.salesforce.com/id/<org id>/<user id>`, and
 * the opaque token's `<org id>!…`. A token of another form, as a JWT, names none.
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
