import { counters, fault, PATH, patched, read } from '../bodies.ts'
import type { CallScenario, JobScenario } from '../scenario.ts'

const PATCH = `PATCH ${PATH}`
const JOB = { jobId: '7505f000000EXAMAA4' }

/** An Open job that has its data. */
const OPEN = { numberRecordsProcessed: 0, numberRecordsFailed: 0 }

export const CLOSING: readonly (CallScenario | JobScenario)[] = [
  {
    title: 'UploadComplete without contentUrl, lineEnding and columnDelimiter is closed',
    call: 'close',
    exchanges: [
      {
        request: PATCH,
        sent: '{"state":"UploadComplete"}',
        status: 200,
        body: patched('UploadComplete', 61),
      },
    ],
    gives: { value: { state: 'UploadComplete' } },
  },
  {
    title: 'InProgress at once is closed as well',
    call: 'close',
    exchanges: [{ request: PATCH, status: 200, body: patched('InProgress') }],
    gives: { value: { state: 'InProgress' } },
  },
  {
    title: 'a job that is past its close is followed',
    from: { step: 'close', ...JOB },
    exchanges: [
      {
        request: PATCH,
        status: 400,
        body: fault('INVALIDJOBSTATE', 'Closing already Completed Job not allowed'),
      },
      {
        request: `GET ${PATH}`,
        status: 200,
        body: read('JobComplete', 66, counters(3, 0)),
        times: 2,
      },
    ],
    gives: { outcome: { deleted: 3 } },
  },
  {
    title: 'a code that nobody knows is waited out, and the same job is closed',
    from: { step: 'close', ...JOB },
    exchanges: [
      { request: PATCH, status: 400, body: fault('SHARD_REBALANCING', 'No.') },
      { request: `GET ${PATH}`, status: 200, body: read('Open', 66, OPEN) },
      { request: PATCH, status: 403, body: fault('CLIENT_NOT_ACCESSIBLE_FOR_USER', 'Blocked.') },
      { request: `GET ${PATH}`, status: 200, body: read('Open', 66, OPEN) },
      { request: PATCH, status: 200, body: patched('UploadComplete') },
      { request: `GET ${PATH}`, status: 200, body: read('JobComplete', 66, counters(3, 0)) },
    ],
    gives: { outcome: { deleted: 3 }, faults: ['outage', 'login'] },
  },
  {
    title: 'an abort that comes too late is said by its code',
    call: 'abort',
    exchanges: [
      {
        request: PATCH,
        sent: '{"state":"Aborted"}',
        status: 400,
        body: fault('INVALIDJOBSTATE', 'Aborting already Completed Job not allowed'),
      },
    ],
    gives: { error: { kind: 'job-state', code: 'INVALIDJOBSTATE' } },
  },
  {
    title: 'a job that has not ended cannot be removed',
    call: 'remove',
    exchanges: [
      {
        request: `DELETE ${PATH}`,
        status: 400,
        body: fault(
          'API_ERROR',
          'Error encountered when deleting the job because the job is not terminated',
        ),
      },
    ],
    gives: { error: { kind: 'job-state', code: 'API_ERROR' } },
  },
  {
    title: 'a job that was removed already is removed',
    call: 'remove',
    exchanges: [
      {
        request: `DELETE ${PATH}`,
        status: 404,
        body: fault('NOT_FOUND', 'The requested resource does not exist'),
      },
    ],
    gives: { value: undefined },
  },
]
