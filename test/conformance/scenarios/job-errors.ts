import { id18, ids18 } from '../../helpers/ids.ts'
import { counters, failedRows, JOB, PATH, read, successRows } from '../bodies.ts'
import type { JobResult, JobScenario } from '../scenario.ts'

/** A job that failed after one of its three rows. */
function failedJob(title: string, errorMessage: string, gives: JobResult): JobScenario {
  return {
    title,
    from: { step: 'collect', jobId: JOB },
    exchanges: [
      {
        request: `GET ${PATH}`,
        status: 200,
        body: read('Failed', 66, { ...counters(1, 0), errorMessage }),
      },
      { request: `GET ${PATH}/failedResults`, status: 200, body: failedRows() },
      { request: `GET ${PATH}/successfulResults`, status: 200, body: successRows(id18(0)) },
    ],
    gives: { state: 'Failed', ...gives },
  }
}

const GOES_ON: JobResult = { outcome: { deleted: 1 }, again: 2 }

/** A job that failed before its first row. */
function refusedJob(title: string, errorMessage: string): JobScenario {
  return {
    title,
    from: { step: 'collect', jobId: JOB },
    exchanges: [
      {
        request: `GET ${PATH}`,
        status: 200,
        body: read('Failed', 66, { ...counters(0, 0), errorMessage }),
      },
      { request: `GET ${PATH}/failedResults`, status: 200, body: failedRows() },
      { request: `GET ${PATH}/successfulResults`, status: 200, body: successRows() },
    ],
    gives: {
      state: 'Failed',
      outcome: { unprocessed: ids18(3).length },
      error: 'INGEST_JOB_FAILED',
    },
  }
}

export const JOB_ERRORS: readonly JobScenario[] = [
  failedJob(
    'TooManyLockFailure goes again',
    'TooManyLockFailure : Too many lock failure 200',
    GOES_ON,
  ),
  failedJob('Timeout goes again', 'Timeout : Failed to process the batch in time', GOES_ON),
  failedJob(
    'InternalServerError goes again',
    'InternalServerError : Retried more than 10 times',
    GOES_ON,
  ),
  failedJob(
    'ExceededQuota goes again, and the org pauses',
    'ExceededQuota : ApiBatchItems Limit exceeded.',
    {
      ...GOES_ON,
      faults: ['quota!'],
    },
  ),
  failedJob('TOO_MANY_LOCK_FAILURE goes again', 'TOO_MANY_LOCK_FAILURE : gave up', GOES_ON),
  failedJob(
    'EXCEEDED_QUOTA within a text goes again, and the org pauses',
    'Batch failed: EXCEEDED_QUOTA, ApiBatchItems Limit exceeded.',
    { ...GOES_ON, faults: ['quota!'] },
  ),
  failedJob(
    'an unknown error that quotes another one goes again',
    'ShardMoved : was InvalidBatch : retry',
    GOES_ON,
  ),
  failedJob('an error of a later release goes again', 'ShardMoved : try later', GOES_ON),
  refusedJob(
    'InvalidBatch is a defect, and sent no more',
    "InvalidBatch : The 'delete' batch must contain only ids",
  ),
  refusedJob(
    'InvalidBatch twice over is the same',
    'InvalidBatch : InvalidBatch : Field name not found : Id',
  ),
  refusedJob('invalid_batch in other letters is the same', 'invalid_batch: no'),
  refusedJob(
    'ClientInputError names the line ends',
    'ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF',
  ),
]
