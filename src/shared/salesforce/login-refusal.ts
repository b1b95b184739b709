/**
 * What a refused login means, by OAuth's code and Salesforce's description of it. `invalid_grant`
 * stands for nearly everything, and so the description decides (Salesforce Help, OAuth 2.0
 * Authorization Errors; descriptions as seen in the field).
 */
export interface LoginRefusal {
  readonly advice: string
  /** A secret that was rotated explains it. */
  readonly mayBeSecret: boolean
  /**
   * - `soon`: another try within seconds may succeed.
   * - `later`: it ends by itself, though each try makes it last longer.
   * - null: somebody has to change something.
   */
  readonly passes: 'soon' | 'later' | null
}

type Rule = readonly [said: RegExp, advice: string, more?: Partial<LoginRefusal>]

const SECRET = { mayBeSecret: true } as const

/** The first that fits. Matched against `<code>: <description>` without underscores. */
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
  [/invalid client/, 'Check SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET.', SECRET],
  [
    /authentication failure|invalid credentials|expired access\/refresh token/,
    "Check the credentials and the policies of the app; the org's Login History has the reason.",
    SECRET,
  ],
]

const UNKNOWN = "Check the app, its policies and its user; the org's Login History has the reason."

/** @param code OAuth's, or `HTTP_<status>` where the answer has none */
export function loginRefusal(code: string, description: string): LoginRefusal {
  const said = `${code}: ${description}`.toLowerCase().replaceAll('_', ' ')
  const [, advice, more] = RULES.find(([text]) => text.test(said)) ?? [null, UNKNOWN]
  return { advice, mayBeSecret: false, passes: null, ...more }
}
