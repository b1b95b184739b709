import { fault, HTML, MAINTENANCE_PAGE } from '../bodies.ts'
import type { CallScenario } from '../scenario.ts'

const TOKEN = 'POST /services/oauth2/token'
const USERINFO = 'GET /services/oauth2/userinfo'
const ORG_ID = '00D5f000004XZjpEAG'

const TOKEN_ANSWER = {
  access_token: '00D5f000004XZjp!AQ4.recorded',
  instance_url: '{origin}',
  id: `https://login.salesforce.com/id/${ORG_ID}/0055f000008EXAMAA4`,
  token_type: 'Bearer',
}

/** The org's own record, as a query gives it. */
const ORGANIZATION = {
  totalSize: 1,
  done: true,
  records: [
    {
      attributes: {
        type: 'Organization',
        url: `/services/data/v66.0/sobjects/Organization/${ORG_ID}`,
      },
      ...{ Id: ORG_ID, Name: 'Acme', IsSandbox: true, InstanceName: 'CS45' },
      OrganizationType: 'Enterprise Edition',
    },
  ],
}

const DENIED_SCOPE = fault('Missing_OAuth_Token', 'Missing_OAuth_Token')

function refused(status: number, error: string, error_description: string) {
  return [{ request: TOKEN, status, body: { error, error_description } }]
}

export const LOGINS: readonly CallScenario[] = [
  {
    title: 'client credentials with an api_instance_url and a signature are a login',
    call: 'login',
    exchanges: [
      {
        request: TOKEN,
        status: 200,
        body: {
          ...{ ...TOKEN_ANSWER, signature: 'c2lnbmF0dXJl', scope: 'api' },
          ...{ issued_at: '1767389623000', api_instance_url: 'https://api.salesforce.com' },
        },
      },
      {
        request: USERINFO,
        status: 200,
        body: { organization_id: ORG_ID, preferred_username: 'robot@example.com', active: true },
      },
      { request: 'GET query', status: 200, body: ORGANIZATION },
    ],
    gives: { value: { orgId: ORG_ID, username: 'robot@example.com', isSandbox: true } },
  },
  {
    title: 'a JWT login without signature and issued_at is one',
    login: 'jwt',
    call: 'login',
    exchanges: [
      { request: TOKEN, status: 200, body: { ...TOKEN_ANSWER, scope: 'api' } },
      { request: USERINFO, status: 403, body: DENIED_SCOPE },
      { request: 'GET query', status: 200, body: ORGANIZATION },
    ],
    gives: { value: { orgId: ORG_ID, username: null, name: 'Acme' } },
  },
  {
    title: 'neither userinfo nor the Organization record open to the app is a login all the same',
    call: 'login',
    exchanges: [
      { request: USERINFO, status: 403, body: DENIED_SCOPE },
      {
        request: 'GET query',
        status: 400,
        body: fault('INVALID_TYPE', "sObject type 'Organization' is not supported."),
      },
    ],
    gives: { value: { orgId: ORG_ID, username: null, isSandbox: null, name: null } },
  },
  {
    title: 'org ids of 15 characters in userinfo are those of the login',
    call: 'login',
    exchanges: [
      {
        request: USERINFO,
        status: 200,
        body: { organization_id: '00D5f000004XZjp', preferred_username: 'robot@example.com' },
      },
      { request: 'GET query', status: 200, body: ORGANIZATION },
    ],
    gives: { value: { orgId: ORG_ID, username: 'robot@example.com' } },
  },
  {
    title: 'userinfo without a user name tells the org all the same',
    call: 'login',
    exchanges: [
      { request: USERINFO, status: 200, body: { organization_id: ORG_ID } },
      { request: 'GET query', status: 200, body: ORGANIZATION },
    ],
    gives: { value: { orgId: ORG_ID, username: null, name: 'Acme' } },
  },
  {
    title: 'client credentials asked for at login.salesforce.com lead to the My Domain host',
    call: 'limits',
    exchanges: refused(400, 'invalid_grant', 'request not supported on this domain'),
    gives: {
      error: {
        ...{ kind: 'org-fault', code: 'invalid_grant', message: /My Domain host/ },
        ...{ pause: 'login', atOnce: true },
      },
    },
  },
  {
    title: 'no run-as user is said to be missing in the policies of the app',
    call: 'limits',
    exchanges: refused(400, 'invalid_grant', 'no client credentials user enabled'),
    gives: {
      error: {
        ...{ kind: 'org-fault', code: 'invalid_grant', message: /run-as user/ },
        ...{ pause: 'login', atOnce: true },
      },
    },
  },
  {
    title: 'an assertion for another audience names the setting',
    login: 'jwt',
    call: 'limits',
    exchanges: refused(400, 'invalid_grant', 'audience is invalid'),
    gives: {
      error: { kind: 'org-fault', code: 'invalid_grant', message: /SALESFORCE_JWT_AUDIENCE/ },
    },
  },
  {
    title: 'a consumer that the user has not approved says what to approve',
    login: 'jwt',
    call: 'limits',
    exchanges: refused(400, 'invalid_grant', "user hasn't approved this consumer"),
    gives: { error: { kind: 'org-fault', code: 'invalid_grant', message: /Pre-approve the user/ } },
  },
  {
    title: 'a wrong client id with 401 is the credentials, and pauses at once',
    call: 'limits',
    exchanges: refused(401, 'invalid_client_id', 'client identifier invalid'),
    gives: {
      error: {
        ...{ kind: 'org-fault', code: 'invalid_client_id', message: /SALESFORCE_CLIENT_ID/ },
        ...{ pause: 'login', atOnce: true },
      },
    },
  },
  {
    title: 'a token endpoint that is down with a page is an outage, tried four times',
    call: 'create',
    exchanges: [{ request: TOKEN, status: 503, headers: HTML, body: MAINTENANCE_PAGE, times: 4 }],
    gives: {
      error: {
        kind: 'org-fault',
        code: 'HTTP_503',
        transient: true,
        pause: 'outage',
        atOnce: false,
      },
    },
  },
  {
    title: 'an address that is not let in is not the secret',
    call: 'limits',
    exchanges: refused(400, 'invalid_grant', 'ip restricted'),
    gives: {
      error: {
        ...{ kind: 'org-fault', code: 'invalid_grant', message: /login IP ranges.*login hours/ },
        ...{ transient: false, pause: 'login', atOnce: true },
      },
    },
  },
  {
    title: 'a user that the app may not run as names the assignment',
    call: 'limits',
    exchanges: refused(400, 'invalid_app_access', 'user is not admin approved to access this app'),
    gives: {
      error: {
        kind: 'org-fault',
        code: 'invalid_app_access',
        message: /Assign the app to the user/,
      },
    },
  },
  {
    title: 'too many logins hold everybody, and are tried once',
    call: 'limits',
    exchanges: refused(400, 'invalid_grant', 'login rate exceeded'),
    logins: 1,
    gives: {
      error: {
        ...{ kind: 'org-fault', code: 'invalid_grant', message: /logged in too often/ },
        ...{ transient: true, pause: 'rate', atOnce: true },
      },
    },
  },
  {
    title: 'a token endpoint that shows a page with 200 is an outage, tried four times',
    call: 'create',
    exchanges: [{ request: TOKEN, status: 200, headers: HTML, body: MAINTENANCE_PAGE, times: 4 }],
    gives: {
      error: {
        ...{ kind: 'org-fault', code: 'NOT_JSON', transient: true },
        ...{ pause: 'outage', atOnce: false },
      },
    },
  },
  {
    title: 'an expired session is renewed once, and the call repeated',
    call: 'get',
    exchanges: [
      {
        request: 'GET jobs/ingest/*',
        status: 401,
        body: [{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }],
      },
      {
        request: 'GET jobs/ingest/*',
        status: 401,
        body: [{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }],
      },
    ],
    logins: 2,
    gives: { error: { kind: 'org-fault', code: 'INVALID_SESSION_ID', pause: 'login' } },
  },
  {
    title: 'an expired session in a bare object is renewed too',
    call: 'versions',
    exchanges: [
      {
        request: 'GET /services/data/',
        status: 401,
        body: { message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' },
      },
      {
        request: 'GET /services/data/',
        status: 200,
        body: [{ label: "Spring '26", url: '/services/data/v66.0', version: '66.0' }],
      },
    ],
    logins: 2,
    gives: { value: [{ version: '66.0', label: "Spring '26" }] },
  },
]
