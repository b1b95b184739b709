import { counters, created, fault, HTML, MAINTENANCE_PAGE, PATH, patched, read } from '../bodies.ts'
import type { Exchange } from '../replay.ts'
import type { CallScenario, JobScenario } from '../scenario.ts'

const CREATE = 'POST jobs/ingest'

/** What follows once the job is there. */
const REST = [
  { request: `PUT ${PATH}/batches`, status: 201 },
  { request: `PATCH ${PATH}`, status: 200, body: patched('UploadComplete') },
  { request: `GET ${PATH}`, status: 200, body: read('JobComplete', 66, counters(3, 0)) },
]

/** An answer that is waited out: the org is told to pause, and the same request goes on. */
function waitedOut(
  title: string,
  answer: Omit<Exchange, 'request'>,
  ...faults: NonNullable<JobScenario['gives']['faults']>
): JobScenario {
  return {
    title,
    exchanges: [
      { request: CREATE, ...answer },
      { request: CREATE, status: 200, body: created() },
      ...REST,
    ],
    gives: { outcome: { deleted: 3 }, faults },
  }
}

function refused(title: string, status: number, code: string, message: string): CallScenario {
  return {
    title,
    call: 'create',
    exchanges: [{ request: CREATE, status, body: fault(code, message) }],
    gives: { error: { kind: 'refused', code, judged: 'hopeless' } },
  }
}

export const CREATING: readonly (CallScenario | JobScenario)[] = [
  {
    title: 'an Open job with a relative contentUrl is created',
    call: 'create',
    exchanges: [
      {
        request: CREATE,
        sent: '{"object":"Contact","operation":"delete","contentType":"CSV","lineEnding":"LF"}',
        status: 200,
        body: created(),
      },
    ],
    gives: { value: { state: 'Open', object: 'Contact', numberRecordsProcessed: null } },
  },
  {
    title: 'v49, whose contentUrl lacks the v, is created as well',
    apiVersion: '49.0',
    call: 'create',
    exchanges: [
      {
        request: CREATE,
        status: 200,
        body: created(49, {
          contentUrl: 'services/data/49.0/jobs/ingest/7505f000000EXAMAA4/batches',
        }),
      },
    ],
    gives: { value: { state: 'Open', id: '7505f000000EXAMAA4' } },
  },
  refused(
    'an object that the Bulk API does not support is refused',
    400,
    'INVALIDENTITY',
    "Entity 'MarketSegment' is not supported by the Bulk API.",
  ),
  refused(
    'the same code as the older API spells it is refused',
    400,
    'InvalidEntity',
    "Entity 'Tag' is not supported.",
  ),
  refused(
    'an object that the org does not have is refused',
    400,
    'INVALID_TYPE',
    "sObject type 'FlowRecord' is not supported.",
  ),
  refused(
    'an object that only the Tooling API deletes is refused by its text',
    400,
    'API_ERROR',
    'Cannot specify query parameters on this resource',
  ),
  refused(
    'an object that the user may not delete is refused, though with 403',
    403,
    'INSUFFICIENT_ACCESS',
    'insufficient access rights on entity: Campaign',
  ),
  {
    title: 'a hard delete without its permission is refused, with the permission',
    call: 'create',
    exchanges: [
      {
        request: CREATE,
        status: 400,
        body: fault(
          'FEATURENOTENABLED',
          'hardDelete operation requires special user profile permission, please contact your system administrator',
        ),
      },
    ],
    gives: {
      error: {
        ...{ kind: 'refused', code: 'FEATURENOTENABLED', judged: 'hopeless' },
        message: /"Bulk API Hard Delete" permission/,
      },
    },
  },
  waitedOut(
    'the last call of the day is waited out',
    { status: 403, body: fault('REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.') },
    'request-limit!',
  ),
  waitedOut(
    'an expired password is waited out',
    {
      status: 403,
      body: fault('INVALID_OPERATION_WITH_EXPIRED_PASSWORD', "The user's password has expired."),
    },
    'login',
  ),
  waitedOut(
    'a client that is not accessible to the user is waited out',
    { status: 403, body: fault('CLIENT_NOT_ACCESSIBLE_FOR_USER', 'Connected app is blocked.') },
    'login',
  ),
  waitedOut(
    'a transaction security policy is waited out',
    {
      status: 403,
      body: fault('TXN_SECURITY_METERING_ERROR', "The user's session violates a policy."),
    },
    'rate',
  ),
  waitedOut(
    'a 403 that does not say of what is waited out',
    { status: 403, body: fault('INSUFFICIENT_ACCESS', 'You may not do this.') },
    'login',
  ),
  waitedOut(
    'a Bulk API that is not enabled for the org is waited out',
    {
      status: 400,
      body: fault('FEATURENOTENABLED', 'Bulk API is not enabled for this organization.'),
    },
    'outage',
  ),
  waitedOut(
    'a service that is temporarily unavailable with 400 is waited out',
    { status: 400, body: fault('API_ERROR', 'The service is temporarily unavailable.') },
    'outage',
  ),
  waitedOut(
    'a lock with 400 is waited out',
    { status: 400, body: fault('UNABLE_TO_LOCK_ROW', 'unable to obtain exclusive access') },
    'outage',
  ),
  waitedOut(
    'a code that nobody knows is waited out',
    { status: 400, body: fault('SHARD_REBALANCING', 'No.') },
    'outage',
  ),
  waitedOut(
    'a field that the org does not read is waited out',
    { status: 400, body: fault('JSON_PARSER_ERROR', 'Unrecognized field "lineEnding"') },
    'outage',
  ),
  waitedOut(
    "a front end's Bad Message is waited out",
    {
      status: 400,
      headers: HTML,
      body: '<h1>Bad Message 400</h1><pre>reason: Illegal character</pre>',
    },
    'outage',
  ),
  waitedOut(
    'a body over the limit of a proxy is waited out',
    { status: 413, headers: HTML, body: '<h1>Request Entity Too Large</h1>' },
    'outage',
  ),
  waitedOut(
    'JSON of something else than the API is waited out',
    { status: 200, body: { login: 'required', portal: 'https://portal.example.com' } },
    'outage',
  ),
  waitedOut(
    'a maintenance page with 503 is waited out, and no job is made twice',
    { status: 503, headers: HTML, body: MAINTENANCE_PAGE },
    'outage',
  ),
  waitedOut(
    'a page of Salesforce Edge with 420 is waited out',
    { status: 420, headers: HTML, body: 'We are setting things up for you.' },
    'outage',
  ),
  {
    title: 'a release that the org no longer serves is said to be one',
    apiVersion: '20.0',
    call: 'create',
    exchanges: [
      {
        request: CREATE,
        status: 410,
        body: fault('UNSUPPORTED_API_VERSION', 'API version 20.0 is retired.'),
      },
    ],
    gives: {
      error: {
        ...{ kind: 'org-fault', code: 'UNSUPPORTED_API_VERSION' },
        message: /SALESFORCE_API_VERSION/,
      },
    },
  },
]
