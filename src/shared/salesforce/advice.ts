import { CodeTable } from './code-table.ts'
import type { FaultKind } from './errors.ts'

/** Advice by Salesforce's error code. */
const BY_CODE = new CodeTable<string>({
  API_DISABLED_FOR_ORG: 'Give the user the API Enabled permission.',
  CLIENT_NOT_ACCESSIBLE_FOR_USER:
    "Assign the app to the user that it runs as, in the app's policies.",
  EXCEEDEDQUOTA: "The org's daily allowance of bulk batches is used up: wait.",
  FEATURENOTENABLED: 'Give the user the "Bulk API Hard Delete" permission, or use delete.',
  INVALID_FIELD: 'Correct the query, or let the user see the field.',
  INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE: 'The org is read-only for now: wait.',
  INVALIDENTITY: 'Check the object name and that the org has the feature licensed.',
  INVALID_OPERATION_WITH_EXPIRED_PASSWORD:
    'Reset the password of the user that the app runs as, or let it never expire.',
  INVALID_TYPE: 'Check the object name, and that the user sees the object.',
  INVALID_SESSION_ID: 'Log in again; check that the user may use the API.',
  MALFORMED_QUERY: 'Correct the query.',
  ORG_IN_MAINTENANCE: 'The org is being looked after: wait.',
  ORG_LOCKED: 'The org is locked: ask its owner or Salesforce.',
  PASSWORD_LOCKOUT: 'Unlock the user that the app runs as, or wait until its lockout ends.',
  REQUEST_LIMIT_EXCEEDED: "The org's API calls of the last 24 hours are used up: wait.",
  TRIAL_EXPIRED: 'The org is a trial that has expired: ask its owner or Salesforce.',
  TXN_SECURITY_METERING_ERROR:
    'A transaction security policy of the org blocks it: ask whoever keeps these policies.',
  UNSUPPORTED_API_VERSION: 'Set SALESFORCE_API_VERSION to a version that the org still serves.',
})

/**
 * Advice for refusals that concern the org or the user, where the code may also concern the object.
 */
const BY_ORGS_CODE = new CodeTable<string>({
  FEATURENOTENABLED: 'Give the user the API Enabled permission, in an edition that has the API.',
})

/** Advice for all other codes. */
const BY_KIND: Readonly<Record<FaultKind, string>> = {
  'org-fault': 'Wait and try again; check the org and the network where it lasts.',
  'not-found': 'The job was deleted or never existed: send its rows in a new one.',
  'job-state': 'Read the state of the job and go on from there.',
  'already-uploaded': 'Abort the job and send its rows in a new one.',
  refused: 'Check the object, the operation and the permissions of the user.',
  'too-large': 'Lower EXPUNGE_MAX_JOB_BYTES.',
  unexpected: 'Compare with the Bulk API 2.0 guide and report it.',
}

/** Waiting does not end these. */
const FORBIDDEN =
  "Check the user's permissions, the policies of the app and the org, and what lies between here and there."
const NETWORK = 'Wait and try again; check the network, HTTPS_PROXY and NO_PROXY where it lasts.'
const CERTIFICATE = 'Name the certificate authority of the host or proxy in NODE_EXTRA_CA_CERTS.'
const OTHER_NAME =
  'The certificate is of another name: the org may have moved, or a proxy answers in its place; ' +
  'check SALESFORCE_LOGIN_URL.'
const EXPIRED =
  "Check this machine's clock; else the certificate of the host or proxy has to be renewed."
const REDIRECT =
  'Redirects are not followed, they would carry the token away: set the My Domain host.'

/** The last sentence of the message for a refused call. */
export function adviceOnAnswer(answer: {
  readonly kind: FaultKind
  readonly code: string
  /** A 403 that reports nothing temporary. */
  readonly forbidden: boolean
  readonly redirected: boolean
  /** Set for a refused login, unless it met an outage. */
  readonly refusal: LoginRefusal | null
  readonly renewal?: string | undefined
}): string {
  const { kind, code, forbidden, redirected, refusal, renewal = '' } = answer
  if (redirected) return REDIRECT
  if (refusal === null) {
    const isOrgs = kind === 'org-fault'
    const known = (isOrgs ? BY_ORGS_CODE.get(code) : undefined) ?? BY_CODE.get(code)
    return known ?? (isOrgs && forbidden ? FORBIDDEN : BY_KIND[kind])
  }
  return `${refusal.advice} ${refusal.mayBeSecret ? renewal : ''}`.trimEnd()
}

/** The last sentence of the message for a call that broke off. */
export function adviceOnNetwork(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return OTHER_NAME
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) return EXPIRED
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code) ? CERTIFICATE : NETWORK
}

/** The last sentence of the message for an answer that makes no sense. */
export function adviceOnKind(kind: FaultKind): string {
  return BY_KIND[kind]
}

/**
 * What a refused login means, by OAuth's code and Salesforce's description. `invalid_grant` is used
 * for nearly everything, so the description decides (Salesforce Help, OAuth 2.0 Authorization
 * Errors; descriptions as observed).
 */
interface LoginRefusal {
  readonly advice: string
  /** A rotated secret would explain it. */
  readonly mayBeSecret: boolean
  readonly passes: 'soon' | 'later' | null
}

type Rule = readonly [said: RegExp, advice: string, more?: Partial<LoginRefusal>]

const SECRET = { mayBeSecret: true } as const

/** The first match applies. Matched against `<code>: <description>` without underscores. */
const RULES: readonly Rule[] = [
  [
    /request not supported on this domain/,
    'Set SALESFORCE_LOGIN_URL to the My Domain host, https://<name>.my.salesforce.com.',
  ],
  [
    /rate (limit )?exceeded|too many (logins|requests)|maximum logins exceeded/,
    'The user has logged in too often within an hour: wait. Give each system a user of its own.',
    { passes: 'later' },
  ],
  [
    /unknown error|retry your request|temporarily unavailable|server error|maintenance/,
    'Wait and try again; see https://status.salesforce.com where it lasts.',
    { passes: 'soon' },
  ],
  [
    /^http \d/,
    'This is no answer of OAuth: check SALESFORCE_LOGIN_URL, and what lies between here and there.',
  ],
  [
    /\bip (address )?(is )?(restricted|not allowed|not trusted)|restricted ip/,
    "Allow this machine's address in the profile's login IP ranges, or relax the IP restrictions in " +
      "the app's policies; look at the profile's login hours, too.",
  ],
  [
    /concurrent sessions|session (limit|quota)/,
    'The user has too many sessions: wait, or give each system a user of its own.',
    { passes: 'later' },
  ],
  [/login hours/, "The profile's login hours forbid it now: widen them, or wait."],
  [
    /inactive org|\borg(anization)?\b.{0,20}\b(locked|inactive|suspended|expired|deleted)|trial expired/,
    'The org is locked, suspended or expired: ask its owner or Salesforce.',
  ],
  [
    /password.{0,20}expired|expired password|(change|reset).{0,15}password/,
    'Reset the password of the user that the app runs as, or let it never expire.',
  ],
  [
    /user.{0,20}\blocked|locked out|password lockout/,
    'Unlock the user that the app runs as, or wait until its lockout ends.',
  ],
  [
    /inactive user|\buser\b.{0,20}\b(inactive|frozen|deactivated|disabled)/,
    'Activate or unfreeze the user that the app runs as.',
  ],
  [
    /invalid app access|not admin approved|app access denied/,
    "Assign the app to the user that it runs as, by profile or permission set, in the app's policies.",
  ],
  [/hasn't approved this consumer|not approved/, "Pre-approve the user in the app's policies."],
  [/app.{0,20}\bblocked/, "Unblock the app in the org's Setup, Connected Apps OAuth Usage."],
  [/no client credentials user/, "Name a run-as user in the app's policies."],
  [
    /unsupported grant type|grant type not supported|unauthorized client|client credentials.{0,30}not enabled/,
    "Enable the OAuth flow in the app's settings: client credentials, or JWT bearer with its certificate.",
  ],
  [
    /audience (is invalid|validation failed|mismatch)|invalid audience/,
    'Set SALESFORCE_JWT_AUDIENCE to the login or test host.',
  ],
  [
    /expired authorization code|assertion.{0,20}expired|expired assertion/,
    "Check this machine's clock: the assertion counts as expired.",
  ],
  [
    /signature/,
    'Check that the app has the certificate of the private key in SALESFORCE_JWT_KEY.',
    SECRET,
  ],
  [/assertion/, 'Check client id, username and private key of the JWT login.', SECRET],
  [
    /multi.?factor|\bmfa\b|challenge required|identity (confirmation|verification)/,
    'Exempt the user from multi-factor authentication, or log in by client credentials.',
  ],
  [/scope/, 'Give the app the OAuth scope `api`.'],
  [
    /\bapi\b.{0,20}\b(not enabled|disabled)/,
    'Give the user the API Enabled permission, in an edition that has the API.',
  ],
  [
    /invalid client id|client identifier|\bapp\b.{0,20}\bnot (found|installed)/,
    'Check SALESFORCE_CLIENT_ID, and that the app belongs to this org; a new one takes ten minutes.',
  ],
  [/invalid client/, 'Check the consumer key and the client secret.', SECRET],
  [
    /authentication failure|invalid credentials|expired access\/refresh token/,
    "Check the credentials and the policies of the app; the org's Login History has the reason.",
    SECRET,
  ],
]

const UNKNOWN = "Check the app, its policies and its user; the org's Login History has the reason."

/** @param code OAuth's, or `HTTP_<status>` if the answer has none */
export function loginRefusal(code: string, description: string): LoginRefusal {
  const said = `${code}: ${description}`.toLowerCase().replaceAll('_', ' ')
  const [, advice, more] = RULES.find(([text]) => text.test(said)) ?? [null, UNKNOWN]
  return { advice, mayBeSecret: false, passes: null, ...more }
}
