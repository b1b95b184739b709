import { z } from 'zod'
import { codeOf, ExpungeError, messageOf } from '../base/errors.ts'
import { plainCause } from '../base/plain-cause.ts'
import { redact } from '../base/secret-masking.ts'
import type { BucketSettings } from './settings.ts'

type BucketErrorCode =
  /** The AWS SDK, an optional package, is not installed. */
  | 'BUCKET_NO_SDK'
  | 'BUCKET_NOT_FOUND'
  | 'OBJECT_NOT_FOUND'
  | 'UPLOAD_NOT_FOUND'
  | 'OBJECT_ARCHIVED'
  /** What `If-Match` or `If-None-Match` asked for is not so. */
  | 'PRECONDITION_FAILED'
  | 'BUCKET_ACCESS_DENIED'
  | 'BUCKET_WRONG_REGION'
  | 'BUCKET_NO_REGION'
  | 'BUCKET_NO_CREDENTIALS'
  | 'BUCKET_CREDENTIALS_REFUSED'
  | 'BUCKET_CLOCK_SKEW'
  | 'BUCKET_NOT_SUPPORTED'
  | 'BUCKET_THROTTLED'
  | 'BUCKET_UNREACHABLE'
  | 'BUCKET_FAULT'
  | 'BUCKET_REQUEST_REFUSED'

const TRANSIENT: readonly BucketErrorCode[] = [
  'BUCKET_THROTTLED',
  'BUCKET_UNREACHABLE',
  'BUCKET_FAULT',
]

/** A call to a bucket failed. Its message names bucket and key, never a credential or signed URL. */
export class BucketError extends ExpungeError {
  readonly code: BucketErrorCode
  override readonly retryable: boolean

  constructor(code: BucketErrorCode, message: string) {
    super(message)
    this.code = code
    this.retryable = TRANSIENT.includes(code)
  }
}

/** What a call was about. */
interface Subject {
  readonly settings: BucketSettings
  readonly key: string | null
}

/** The parts of an SDK's error that are read. Its other parts may quote what was signed. */
interface Answer {
  readonly name: string
  readonly status: number
  /** The region that the server names as the right one. */
  readonly region: string | undefined
}

/**
 * The error in our own words. The SDK's error is not kept as the cause: it holds the request that was
 * signed, and the server may quote the access key.
 */
export function toBucketError(error: unknown, subject: Subject): ExpungeError {
  if (error instanceof ExpungeError) return error
  const answer = answerOf(error)
  const code = codeFor(error, answer)
  const why = WORDS[code](subject, answer, error)
  return new BucketError(code, `${placeOf(subject)}: ${why}`)
}

/** `s3://bucket/key`, with the name in the configuration if that differs. */
function placeOf({ settings: { name, bucket }, key }: Subject): string {
  const place = `s3://${bucket}/${key ?? ''}`
  return name === bucket ? place : `${place} (bucket "${name}" of the configuration)`
}

const CODES: Readonly<Record<string, BucketErrorCode>> = {
  NoSuchBucket: 'BUCKET_NOT_FOUND',
  NoSuchKey: 'OBJECT_NOT_FOUND',
  NoSuchUpload: 'UPLOAD_NOT_FOUND',
  InvalidObjectState: 'OBJECT_ARCHIVED',
  PreconditionFailed: 'PRECONDITION_FAILED',
  ConditionalRequestConflict: 'PRECONDITION_FAILED',
  // Reading goes on behind the end only if the object is shorter than it was.
  InvalidRange: 'PRECONDITION_FAILED',
  AccessDenied: 'BUCKET_ACCESS_DENIED',
  AllAccessDisabled: 'BUCKET_ACCESS_DENIED',
  PermanentRedirect: 'BUCKET_WRONG_REGION',
  TemporaryRedirect: 'BUCKET_WRONG_REGION',
  CredentialsProviderError: 'BUCKET_NO_CREDENTIALS',
  SignatureDoesNotMatch: 'BUCKET_CREDENTIALS_REFUSED',
  InvalidAccessKeyId: 'BUCKET_CREDENTIALS_REFUSED',
  AuthorizationHeaderMalformed: 'BUCKET_CREDENTIALS_REFUSED',
  ExpiredToken: 'BUCKET_CREDENTIALS_REFUSED',
  ExpiredTokenException: 'BUCKET_CREDENTIALS_REFUSED',
  InvalidToken: 'BUCKET_CREDENTIALS_REFUSED',
  TokenRefreshRequired: 'BUCKET_CREDENTIALS_REFUSED',
  RequestTimeTooSkewed: 'BUCKET_CLOCK_SKEW',
  NotImplemented: 'BUCKET_NOT_SUPPORTED',
  SlowDown: 'BUCKET_THROTTLED',
  ServiceUnavailable: 'BUCKET_THROTTLED',
  TooManyRequests: 'BUCKET_THROTTLED',
  RequestTimeout: 'BUCKET_UNREACHABLE',
  TimeoutError: 'BUCKET_UNREACHABLE',
}

/** Answers to HEAD have no body, so no code of S3. */
const CODES_BY_STATUS: Readonly<Record<number, BucketErrorCode>> = {
  301: 'BUCKET_WRONG_REGION',
  307: 'BUCKET_WRONG_REGION',
  403: 'BUCKET_ACCESS_DENIED',
  404: 'OBJECT_NOT_FOUND',
  409: 'PRECONDITION_FAILED',
  412: 'PRECONDITION_FAILED',
  416: 'PRECONDITION_FAILED',
  429: 'BUCKET_THROTTLED',
  501: 'BUCKET_NOT_SUPPORTED',
  503: 'BUCKET_THROTTLED',
}

function codeFor(error: unknown, { name, status, region }: Answer): BucketErrorCode {
  if (codeOf(error) === 'ERR_MODULE_NOT_FOUND') return 'BUCKET_NO_SDK'
  if (region !== undefined && status >= 300 && status <= 400) return 'BUCKET_WRONG_REGION'
  if (status === 0 && messageOf(error) === 'Region is missing') return 'BUCKET_NO_REGION'
  const known = CODES[name] ?? CODES_BY_STATUS[status]
  if (known !== undefined) return known
  if (status === 0) return 'BUCKET_UNREACHABLE'
  return status >= 500 ? 'BUCKET_FAULT' : 'BUCKET_REQUEST_REFUSED'
}

type Words = (subject: Subject, answer: Answer, error: unknown) => string

const WORDS: Readonly<Record<BucketErrorCode, Words>> = {
  BUCKET_NO_SDK: () =>
    'the package @aws-sdk/client-s3, which buckets need, is not installed. Install it with expunge-cli: npm install @aws-sdk/client-s3 (npm leaves it out with --omit=optional).',
  BUCKET_NOT_FOUND: ({ settings }) =>
    `the bucket does not exist ${at(settings)}. Check its name, and the region and endpoint of its configuration.`,
  OBJECT_NOT_FOUND: ({ settings, key }) =>
    key === null
      ? `the bucket does not exist ${at(settings)}. Check its name, region and endpoint.`
      : 'the object does not exist. Check the key; it is case-sensitive and does not begin with "/".',
  UPLOAD_NOT_FOUND: () =>
    'the multipart upload no longer exists: it was completed, aborted, or removed by a rule of the bucket.',
  OBJECT_ARCHIVED: () =>
    'the object is archived (Glacier) and must be restored before it can be read. Restore it, then submit the request again.',
  PRECONDITION_FAILED: () => 'the object is not in the expected state: it was replaced or created.',
  BUCKET_ACCESS_DENIED: ({ key }) =>
    key === null
      ? 'access denied. Allow s3:ListBucket on the bucket to these credentials, and for results s3:ListBucketMultipartUploads.'
      : 'access denied. Allow the action on this key to these credentials (s3:GetObject to read, s3:PutObject and s3:DeleteObject to write). S3 answers this for a missing object, too, if the credentials lack s3:ListBucket.',
  BUCKET_WRONG_REGION: ({ settings }, { region }) =>
    `the bucket is not in the region ${settings.region ?? 'of AWS_REGION'}${region === undefined ? '' : ` but in ${region}`}. Set its region in the configuration.`,
  BUCKET_NO_REGION: () =>
    'no region is known. Set region in the configuration of the bucket, or AWS_REGION.',
  BUCKET_NO_CREDENTIALS: ({ settings }) =>
    `no credentials were found. Set accessKeyId and secretAccessKey under sources.buckets.${settings.name}, or provide credentials to AWS's own chain (environment, shared files, web identity, container or instance role).`,
  BUCKET_CREDENTIALS_REFUSED: (_, { name }) => `the server refused the credentials: ${NAMED[name]}`,
  BUCKET_CLOCK_SKEW: () =>
    "the clock of this machine differs from the server's by more than 15 minutes. Correct the clock.",
  BUCKET_NOT_SUPPORTED: () => 'the server does not support this operation (NotImplemented).',
  BUCKET_THROTTLED: () =>
    'the server is overloaded or limits the rate of requests (503 SlowDown). Try again later.',
  BUCKET_UNREACHABLE: ({ settings }, _, error) =>
    `no answer ${at(settings)}: ${plainCause(redact(messageOf(error)), codeOf(error))}. Check endpoint, proxy and network.`,
  BUCKET_FAULT: (_, { name, status }) => `the server failed (${status} ${name}). Try again later.`,
  BUCKET_REQUEST_REFUSED: (_, { name, status }) =>
    `the server refused the call (${status} ${name}).`,
}

const NAMED: Readonly<Record<string, string>> = {
  SignatureDoesNotMatch: 'the secret access key does not match the access key id. Check both.',
  InvalidAccessKeyId: 'it does not know the access key id. Check it, and the endpoint.',
  AuthorizationHeaderMalformed: 'the access key id is malformed. Check it.',
  ExpiredToken: 'the session token has expired. Renew the credentials.',
  ExpiredTokenException: 'the session token has expired. Renew the credentials.',
  TokenRefreshRequired: 'the session token has expired. Renew the credentials.',
  InvalidToken: 'the session token is not valid. Renew the credentials.',
}

const at = ({ endpoint, region }: BucketSettings): string =>
  endpoint === null ? `in Amazon S3${region === null ? '' : `, ${region}`}` : `at ${endpoint}`

/** What an SDK's error tells of the answer; all is absent if none came. */
const sdkError = z.object({
  name: z
    .string()
    .regex(/^\w{1,60}$/)
    .catch('Error'),
  $metadata: z.object({ httpStatusCode: z.number().catch(0) }).catch({ httpStatusCode: 0 }),
  Region: region(),
  $response: z
    .object({ headers: z.object({ 'x-amz-bucket-region': region() }) })
    .optional()
    .catch(undefined),
})

function region() {
  return z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/)
    .optional()
    .catch(undefined)
}

function answerOf(error: unknown): Answer {
  const { data } = sdkError.safeParse(error)
  return {
    name: data?.name ?? 'Error',
    status: data?.$metadata.httpStatusCode ?? 0,
    region: data?.Region ?? data?.$response?.headers['x-amz-bucket-region'],
  }
}
