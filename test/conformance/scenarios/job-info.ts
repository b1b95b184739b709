import { ids18 } from '../../helpers/ids.ts'
import { counters, fault, HTML, JOB, MAINTENANCE_PAGE, PATH, read, successRows } from '../bodies.ts'
import type { CallScenario, JobScenario } from '../scenario.ts'

const GET = `GET ${PATH}`

function reads(title: string, body: object, value: object, apiVersion = '66.0'): CallScenario {
  const exchanges = [{ request: GET, status: 200, body }]
  return { title, apiVersion, call: 'get', exchanges, gives: { value } }
}

const NONE = { numberRecordsProcessed: null, numberRecordsFailed: null }
const DOUBLED = "InvalidBatch : InvalidBatch : The 'delete' batch must contain only ids"

/** A job that Salesforce works on since the clock began. */
const WAITING = { step: 'wait', jobId: JOB, since: Date.UTC(2026, 0, 2) } as const

export const JOB_INFO: readonly (CallScenario | JobScenario)[] = [
  reads(
    'Open before the upload has no counters',
    read('Open', 49),
    { state: 'Open', ...NONE },
    '49.0',
  ),
  reads(
    'Open after the upload counts 0 and 0',
    read('Open', 52, { numberRecordsProcessed: 0, numberRecordsFailed: 0 }),
    { state: 'Open', numberRecordsProcessed: 0, numberRecordsFailed: 0 },
    '52.0',
  ),
  reads(
    'UploadComplete of v61 ends with isPkChunkingSupported',
    read('UploadComplete', 61, counters(0, 0, 61)),
    { state: 'UploadComplete', numberRecordsProcessed: 0 },
    '61.0',
  ),
  reads(
    'InProgress counts while its times move',
    read('InProgress', 66, { ...counters(2600, 4), totalProcessingTime: 3350 }),
    { state: 'InProgress', numberRecordsProcessed: 2600, numberRecordsFailed: 4 },
  ),
  reads(
    'JobComplete of v68 with fields of a later release is read',
    read('JobComplete', 68, { ...counters(3, 1), dataTable: { rows: 3 }, progress: [1, 2] }),
    { state: 'JobComplete', numberRecordsProcessed: 3, numberRecordsFailed: 1, errorMessage: null },
    '68.0',
  ),
  reads(
    'Failed by InvalidBatch counts 0 and ends with its text, doubled',
    read('Failed', 66, { ...counters(0, 0), errorMessage: DOUBLED }),
    {
      ...{ state: 'Failed', numberRecordsProcessed: 0, numberRecordsFailed: 0 },
      errorMessage: DOUBLED,
    },
  ),
  reads('Aborted counts what was done before', read('Aborted', 66, counters(2, 0)), {
    ...{ state: 'Aborted', numberRecordsProcessed: 2 },
  }),
  reads('counters as text are numbers', read('JobComplete', 66, counters('12', '3')), {
    ...{ numberRecordsProcessed: 12, numberRecordsFailed: 3 },
  }),
  reads('a state in another case is the same state', read('jobComplete', 66, counters(3, 0)), {
    state: 'JobComplete',
  }),
  reads(
    'an id of 15 characters is that of the job',
    read('InProgress', 66, { id: JOB.slice(0, 15) }),
    { id: JOB.slice(0, 15) },
  ),
  reads(
    'a job without any date is read',
    read('JobComplete', 66, {
      ...counters(3, 0),
      ...{ createdById: undefined, createdDate: undefined, systemModstamp: undefined },
    }),
    { state: 'JobComplete', systemModstamp: null },
  ),
  reads(
    'text where a later release has an object is none',
    read('Failed', 66, {
      ...counters(0, 0),
      ...{ systemModstamp: 1767389623000, errorMessage: { code: 'InvalidBatch' } },
    }),
    { state: 'Failed', systemModstamp: null, errorMessage: null },
  ),
  reads(
    'the form of its files in another case is the same form',
    read('InProgress', 66, { contentType: 'csv', lineEnding: 'lf', columnDelimiter: 'Comma' }),
    { state: 'InProgress' },
  ),
  reads('a state that nobody knows is one', read('Queued'), { state: 'Queued' }),
  {
    title: 'an unknown state is waited out',
    from: WAITING,
    exchanges: [
      { request: GET, status: 200, body: read('Queued') },
      { request: GET, status: 200, body: read('JobComplete', 66, counters(3, 0)) },
    ],
    gives: { outcome: { deleted: 3 } },
  },
  {
    title: 'counters of 0 in a complete job let its files decide, row by row',
    from: WAITING,
    exchanges: [
      // Once by the poll, once more for counters that do not add up.
      { request: GET, status: 200, body: read('JobComplete', 66, counters(0, 0)), times: 2 },
      { request: `${GET}/failedResults`, status: 200, body: '"sf__Id","sf__Error",Id\n' },
      { request: `${GET}/successfulResults`, status: 200, body: successRows(...ids18(3)) },
      { request: GET, status: 200, body: read('JobComplete', 66, counters(3, 0)) },
      { request: `${GET}/failedResults`, status: 200, body: '"sf__Id","sf__Error",Id\n' },
    ],
    gives: { outcome: { deleted: 3 } },
  },
  {
    title: 'a job that Salesforce knows no more goes again',
    from: WAITING,
    exchanges: [
      {
        request: GET,
        status: 404,
        body: fault('NOT_FOUND', 'The requested resource does not exist'),
        times: 2,
      },
    ],
    gives: { again: 3, state: 'Vanished' },
  },
  {
    title: 'a policy that forbids to read it for a while is waited out',
    from: WAITING,
    exchanges: [
      {
        ...{ request: GET, status: 403, times: 12 },
        body: fault('CLIENT_NOT_ACCESSIBLE_FOR_USER', 'Connected app is blocked.'),
      },
      { request: GET, status: 200, body: read('JobComplete', 66, counters(3, 0)) },
    ],
    gives: { outcome: { deleted: 3 }, faults: Array.from({ length: 12 }, () => 'login' as const) },
  },
  {
    title: "a job that is another user's by now goes again",
    from: WAITING,
    exchanges: [
      { request: GET, status: 403, body: fault('INVALIDUSER', 'Not your job.'), times: 2 },
    ],
    gives: { again: 3, state: 'Vanished' },
  },
  {
    title: 'a page with 400 in place of the job is an outage',
    call: 'get',
    exchanges: [
      { request: GET, status: 400, headers: HTML, body: '<h1>Bad Message 400</h1>', times: 4 },
    ],
    gives: { error: { kind: 'org-fault', code: 'HTTP_400', transient: true, pause: 'outage' } },
  },
  {
    title: 'JSON behind a byte order mark is JSON',
    call: 'get',
    exchanges: [{ request: GET, status: 200, body: `\uFEFF${JSON.stringify(read('InProgress'))}` }],
    gives: { value: { state: 'InProgress' } },
  },
  {
    title: 'a page with 200 in place of the job is an outage, tried four times',
    call: 'get',
    exchanges: [{ request: GET, status: 200, headers: HTML, body: MAINTENANCE_PAGE, times: 4 }],
    gives: {
      error: {
        kind: 'org-fault',
        code: 'NOT_JSON',
        transient: true,
        pause: 'outage',
        atOnce: false,
      },
    },
  },
  {
    title: 'JSON that is announced as text is JSON',
    call: 'get',
    exchanges: [
      {
        ...{ request: GET, status: 200, headers: { 'content-type': 'text/html' } },
        body: JSON.stringify(read('InProgress')),
      },
    ],
    gives: { value: { state: 'InProgress' } },
  },
]
