import {
  CSV,
  counters,
  created,
  fault,
  HTML,
  MAINTENANCE_PAGE,
  PATH,
  patched,
  read,
} from '../bodies.ts'
import type { Exchange } from '../replay.ts'
import type { CallScenario, JobScenario } from '../scenario.ts'

const PUT = `PUT ${PATH}/batches`

/** A whole life from the create on. */
const UPLOADED: readonly Exchange[] = [
  { request: 'POST jobs/ingest', status: 200, body: created() },
  { request: PUT, status: 201 },
  { request: `PATCH ${PATH}`, status: 200, body: patched('UploadComplete') },
  { request: `GET ${PATH}`, status: 200, body: read('JobComplete', 66, counters(3, 0)) },
]

/** A refusal that certainly left the job without data. */
function onSameJob(
  title: string,
  answer: Omit<Exchange, 'request'>,
  ...faults: NonNullable<JobScenario['gives']['faults']>
): JobScenario {
  const [create, ...rest] = UPLOADED
  return {
    title,
    exchanges: [...(create ? [create] : []), { request: PUT, ...answer }, ...rest],
    gives: { outcome: { deleted: 3 }, faults },
  }
}

export const UPLOADS: readonly (CallScenario | JobScenario)[] = [
  {
    title: 'an empty 201 is a success',
    call: 'upload',
    exchanges: [{ request: PUT, sent: CSV, status: 201 }],
    gives: { value: undefined },
  },
  {
    title: 'a 201 with the job in JSON is a success',
    call: 'upload',
    exchanges: [{ request: PUT, status: 201, body: created() }],
    gives: { value: undefined },
  },
  {
    title: 'an empty 200 is a success',
    call: 'upload',
    exchanges: [{ request: PUT, status: 200, headers: { 'content-type': 'text/plain' } }],
    gives: { value: undefined },
  },
  {
    title: 'a page in place of the 201 is an outage',
    call: 'upload',
    exchanges: [{ request: PUT, status: 201, headers: HTML, body: MAINTENANCE_PAGE }],
    gives: { error: { kind: 'org-fault', code: 'NOT_AN_ANSWER', judged: 'org-fault' } },
  },
  {
    title: 'a second upload is known by its text',
    call: 'upload',
    exchanges: [
      {
        request: PUT,
        status: 400,
        body: fault(
          'API_ERROR',
          'Found multiple contents for job: 7505f000000EXAMAA4, please Close',
        ),
      },
    ],
    gives: { error: { kind: 'already-uploaded', code: 'API_ERROR' } },
  },
  {
    title: 'a body over the limit names the setting',
    call: 'upload',
    exchanges: [{ request: PUT, status: 413, headers: HTML, body: '<h1>Payload Too Large</h1>' }],
    gives: { error: { kind: 'too-large', code: 'HTTP_413', message: /EXPUNGE_MAX_JOB_BYTES/ } },
  },
  {
    title: 'an empty 201 is a success, whatever a framework says of its body',
    call: 'upload',
    exchanges: [
      { request: PUT, status: 201, headers: { 'content-type': 'text/html; charset=utf-8' } },
    ],
    gives: { value: undefined },
  },
  {
    title: 'a 204 is a success',
    call: 'upload',
    exchanges: [{ request: PUT, status: 204, headers: HTML }],
    gives: { value: undefined },
  },
  onSameJob(
    'an expired session is renewed, and the same job takes the upload',
    { status: 401, body: fault('INVALID_SESSION_ID', 'Session expired or invalid') },
    'login',
  ),
  onSameJob(
    'an expired password is waited out, and the same job takes the upload',
    {
      status: 403,
      body: fault('INVALID_OPERATION_WITH_EXPIRED_PASSWORD', "The user's password has expired."),
    },
    'login',
  ),
  onSameJob(
    'a code that nobody knows is waited out, and the same job takes the upload',
    { status: 400, body: fault('SHARD_REBALANCING', 'No.'), times: 8 },
    ...Array.from({ length: 8 }, () => 'outage' as const),
  ),
  onSameJob(
    'a page that forbids is waited out, and the same job takes the upload',
    { status: 403, headers: HTML, body: '<h1>Forbidden</h1>' },
    'login',
  ),
  {
    title: 'a 503 leaves the upload in doubt: the job is aborted, and another takes its place',
    exchanges: [
      { request: 'POST jobs/ingest', status: 200, body: created() },
      { request: PUT, status: 503, body: fault('SERVER_UNAVAILABLE', 'server unavailable') },
      { request: `GET ${PATH}`, status: 200, body: read('Open') },
      {
        ...{ request: `PATCH ${PATH}`, sent: '{"state":"Aborted"}' },
        ...{ status: 200, body: patched('Aborted') },
      },
      ...UPLOADED,
    ],
    gives: { outcome: { deleted: 3 }, faults: ['outage'] },
  },
  {
    title: 'a job that is gone when its upload is due is replaced by another',
    exchanges: [
      { request: 'POST jobs/ingest', status: 200, body: created() },
      {
        request: PUT,
        status: 404,
        body: fault('NOT_FOUND', 'The requested resource does not exist'),
      },
      {
        ...{ request: `GET ${PATH}`, status: 404 },
        body: fault('NOT_FOUND', 'The requested resource does not exist'),
      },
      ...UPLOADED,
    ],
    gives: { outcome: { deleted: 3 } },
  },
]
