import { CodeTable } from './code-table.ts'
import type { FaultKind } from './errors.ts'
import type { LoginRefusal } from './login-refusal.ts'

/** What to do next, by the code that Salesforce gave. */
const BY_CODE = new CodeTable<string>({
  API_DISABLED_FOR_ORG: 'Give the user the API Enabled permission.',
  CLIENT_NOT_ACCESSIBLE_FOR_USER:
    "Assign the app to the user that it runs as, in the app's policies.",
  EXCEEDEDQUOTA: "The org's daily allowance of bulk batches is used up: wait.",
  FEATURENOTENABLED: 'Give the user the "Bulk API Hard Delete" permission, or use delete.',
  INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE: 'The org is read-only for now: wait.',
  INVALIDENTITY: 'Check the object name and that the org has the feature licensed.',
  INVALID_OPERATION_WITH_EXPIRED_PASSWORD:
    'Reset the password of the user that the app runs as, or let it never expire.',
  INVALID_SESSION_ID: 'Log in again; check that the user may use the API.',
  ORG_IN_MAINTENANCE: 'The org is being looked after: wait.',
  ORG_LOCKED: 'The org is locked: ask its owner or Salesforce.',
  PASSWORD_LOCKOUT: 'Unlock the user that the app runs as, or wait until its lockout ends.',
  REQUEST_LIMIT_EXCEEDED: "The org's API calls of the last 24 hours are used up: wait.",
  TRIAL_EXPIRED: 'The org is a trial that has expired: ask its owner or Salesforce.',
  TXN_SECURITY_METERING_ERROR:
    'A transaction security policy of the org blocks it: ask whoever keeps these policies.',
  UNSUPPORTED_API_VERSION: 'Set SALESFORCE_API_VERSION to a version that the org still serves.',
})

/** The same where the refusal is about the org or the user, and the code may also be about the object. */
const BY_ORGS_CODE = new CodeTable<string>({
  FEATURENOTENABLED: 'Give the user the API Enabled permission, in an edition that has the API.',
})

/** The same where the code is none of these. */
const BY_KIND: Readonly<Record<FaultKind, string>> = {
  'org-fault': 'Wait and try again; check the org and the network where it lasts.',
  'not-found': 'The job was deleted or never existed: send its rows in a new one.',
  'job-state': 'Read the state of the job and go on from there.',
  'already-uploaded': 'Abort the job and send its rows in a new one.',
  refused: 'Check the object, the operation and the permissions of the user.',
  'too-large': 'Lower EXPUNGE_MAX_JOB_BYTES.',
  unexpected: 'Compare with the Bulk API 2.0 guide and report it.',
}

/** No wait ends these. */
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

/** The sentence that ends the message of a refused call. */
export function adviceOnAnswer(answer: {
  readonly kind: FaultKind
  readonly code: string
  /** By a 403 that does not speak of something that passes. */
  readonly forbidden: boolean
  readonly redirected: boolean
  /** Of a login, unless it met an outage. */
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

/** The sentence that ends the message of a call that broke off. */
export function adviceOnNetwork(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return OTHER_NAME
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) return EXPIRED
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code) ? CERTIFICATE : NETWORK
}

/** The sentence that ends the message of an answer that makes no sense. */
export function adviceOnKind(kind: FaultKind): string {
  return BY_KIND[kind]
}
