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
import type { CallScenario, JobScenario } from '../scenario.ts'

const PUT = `PUT ${PATH}/batches`

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
    title: 'an expired session is renewed for the next upload, which takes another job',
    exchanges: [
      { request: 'POST jobs/ingest', status: 200, body: created() },
      {
        request: PUT,
        status: 401,
        body: fault('INVALID_SESSION_ID', 'Session expired or invalid'),
      },
      { request: `GET ${PATH}`, status: 200, body: read('Open') },
      {
        request: `PATCH ${PATH}`,
        sent: '{"state":"Aborted"}',
        status: 200,
        body: patched('Aborted'),
      },
      { request: 'POST jobs/ingest', status: 200, body: created() },
      { request: PUT, status: 201 },
      { request: `PATCH ${PATH}`, status: 200, body: patched('UploadComplete') },
      { request: `GET ${PATH}`, status: 200, body: read('JobComplete', 66, counters(3, 0)) },
    ],
    logins: 2,
    gives: { outcome: { deleted: 3 }, faults: ['login'] },
  },
]
