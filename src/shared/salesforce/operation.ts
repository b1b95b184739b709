/** The calls whose path names a job, so that 404 speaks of that job. */
export const JOB_OPERATIONS = [
  'upload',
  'close',
  'abort',
  'get',
  'remove',
  'failedResults',
  'successfulResults',
  'unprocessedRecords',
] as const

/**
 * The calls that the client makes, one name for each endpoint: the closed set behind the metrics'
 * label and the word that every error message uses.
 */
export const OPERATIONS = [
  'token',
  'userinfo',
  'organization',
  'limits',
  'versions',
  'create',
  ...JOB_OPERATIONS,
] as const
export type ApiOperation = (typeof OPERATIONS)[number]
