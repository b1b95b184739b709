import { counters, created, fault, HTML, MAINTENANCE_PAGE, PATH, patched, read } from '../bodies.ts'
import type { CallScenario, JobScenario } from '../scenario.ts'

const CREATE = 'POST jobs/ingest'

/** What follows once the job is there. */
const REST = [
  { request: `PUT ${PATH}/batches`, status: 201 },
  { request: `PATCH ${PATH}`, status: 200, body: patched('UploadComplete') },
  { request: `GET ${PATH}`, status: 200, body: read('JobComplete', 66, counters(3, 0)) },
]

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
  {
    title: 'an object that the Bulk API does not support is refused',
    call: 'create',
    exchanges: [
      {
        request: CREATE,
        status: 400,
        body: fault('INVALIDENTITY', "Entity 'MarketSegment' is not supported by the Bulk API."),
      },
    ],
    gives: { error: { kind: 'refused', code: 'INVALIDENTITY', judged: 'hopeless' } },
  },
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
  {
    title: 'the last call of the day is waited out',
    exchanges: [
      {
        request: CREATE,
        status: 403,
        body: fault('REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'),
      },
      { request: CREATE, status: 200, body: created() },
      ...REST,
    ],
    gives: { outcome: { deleted: 3 }, faults: ['request-limit!'] },
  },
  {
    title: 'a maintenance page with 503 is waited out, and no job is made twice',
    exchanges: [
      { request: CREATE, status: 503, headers: HTML, body: MAINTENANCE_PAGE },
      { request: CREATE, status: 200, body: created() },
      ...REST,
    ],
    gives: { outcome: { deleted: 3 }, faults: ['outage'] },
  },
  {
    title: 'a page of Salesforce Edge with 420 is waited out',
    exchanges: [
      { request: CREATE, status: 420, headers: HTML, body: 'We are setting things up for you.' },
      { request: CREATE, status: 200, body: created() },
      ...REST,
    ],
    gives: { outcome: { deleted: 3 }, faults: ['outage'] },
  },
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
