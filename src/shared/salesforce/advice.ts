import type { FaultKind } from './errors.ts'
import type { Operation } from './operation.ts'

/** What to do next, by the code that Salesforce gave. */
const BY_CODE: Readonly<Record<string, string>> = {
  INVALID_SESSION_ID: 'Log in again; check that the user may use the API.',
  REQUEST_LIMIT_EXCEEDED: "The org's API calls of the last 24 hours are used up: wait.",
  EXCEEDEDQUOTA: "The org's daily allowance of bulk batches is used up: wait.",
  API_DISABLED_FOR_ORG: 'Give the user the API Enabled permission.',
  UNSUPPORTED_API_VERSION: 'Set SALESFORCE_API_VERSION to a version that the org still serves.',
  INVALIDENTITY: 'Check the object name and that the org has the feature licensed.',
  FEATURENOTENABLED: 'Give the user the "Bulk API Hard Delete" permission, or use delete.',
  invalid_client: 'Check SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET.',
  invalid_client_id: 'Check SALESFORCE_CLIENT_ID.',
  inactive_user: 'Activate the user that the app runs as.',
}

/** The same by text: `invalid_grant` says it all in its description. */
const BY_TEXT: readonly (readonly [text: string, advice: string])[] = [
  [
    'request not supported on this domain',
    'Set SALESFORCE_LOGIN_URL to the My Domain host, https://<name>.my.salesforce.com.',
  ],
  ['no client credentials user enabled', "Name a run-as user in the app's policies."],
  ['audience is invalid', 'Set SALESFORCE_JWT_AUDIENCE to the login or test host.'],
  ["hasn't approved this consumer", "Pre-approve the user in the app's policies."],
  ['user is locked', 'Unlock the user that the app runs as.'],
]

/** A login refused with one of these may have had an old secret. */
const ABOUT_THE_SECRET: ReadonlySet<string> = new Set(['invalid_client', 'invalid_grant'])

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

const NETWORK = 'Wait and try again; check the network, HTTPS_PROXY and NO_PROXY where it lasts.'
const CERTIFICATE = 'Name the certificate authority of the host or proxy in NODE_EXTRA_CA_CERTS.'
const REDIRECT =
  'Redirects are not followed, they would carry the token away: set the My Domain host.'
const LOGIN = 'Check the credentials and the policies of the app.'

/** The sentence that ends the message of a refused call. */
export function adviceOnAnswer(answer: {
  readonly operation: Operation
  readonly kind: FaultKind
  readonly code: string
  readonly message: string
  readonly redirected: boolean
  readonly transient: boolean
  readonly renewal?: string | undefined
}): string {
  const message = answer.message.toLowerCase()
  const byText = BY_TEXT.find(([text]) => message.includes(text))
  if (byText) return byText[1]
  if (answer.redirected) return REDIRECT
  if (answer.operation === 'token' && !answer.transient) {
    const renewal = ABOUT_THE_SECRET.has(answer.code) ? (answer.renewal ?? '') : ''
    return `${BY_CODE[answer.code] ?? LOGIN} ${renewal}`.trimEnd()
  }
  return BY_CODE[answer.code] ?? BY_KIND[answer.kind]
}

/** The sentence that ends the message of a call that broke off. */
export function adviceOnNetwork(code: string): string {
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code) ? CERTIFICATE : NETWORK
}

/** The sentence that ends the message of an answer that makes no sense. */
export function adviceOnKind(kind: FaultKind): string {
  return BY_KIND[kind]
}
