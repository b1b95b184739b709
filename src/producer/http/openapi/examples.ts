import type { RequestView } from '../../producer.ts'
import type { Problem } from '../problem.ts'
import type { RequestPage } from '../routes/list.ts'

/** What the document shows. Tests hold each against its schema. */

export const submitExample = {
  id: 'gdpr-2026-000123',
  object: 'Contact',
  source: { type: 'ids', ids: ['0035g00000AbCdEAAV', '0035g00000AbCdFAAV'] },
  reason: 'Art. 17 request 123',
} as const

export const csvExample = 'Id\n0035g00000AbCdEAAV\n0035g00000AbCdFAAV\n'

const request: RequestView['request'] = {
  id: 'gdpr-2026-000123',
  org: 'default',
  object: 'Contact',
  operation: 'delete',
  source: { type: 'ids' },
  priority: 'normal',
  onInvalid: 'refuse',
  onUnchecked: 'refuse',
  maxRecords: null,
  maxFailureRatio: 0.5,
  dryRun: false,
  approval: 'auto',
  coalesce: true,
  deadline: null,
  reason: 'Art. 17 request 123',
  callbackUrl: null,
}

export const acceptedExample: RequestView = {
  id: request.id,
  org: request.org,
  status: 'queued',
  stopping: null,
  submittedAt: '2026-11-23T09:15:00.000Z',
  submittedBy: 'crm',
  approvedBy: null,
  cancelledBy: null,
  request,
  content: {
    bytes: 41,
    sha256: '2b1ce6a4a3e7e9b1b27d9c8a1c1f5a0e6f3d4c5b6a79808f9e8d7c6b5a493827',
  },
  plan: null,
  progress: null,
  receipt: null,
}

const plan: RequestView['plan'] = {
  read: 2,
  accepted: 2,
  invalid: 0,
  duplicate: 0,
  unchecked: 0,
  chunks: 1,
  sha256: '7d1a54127b222502f5b79b5fb0803061152a44f92b37e23c6527baf665d4da9a',
}

export const completedExample: RequestView = {
  ...acceptedExample,
  status: 'completed',
  plan,
  receipt: {
    id: request.id,
    org: request.org,
    orgId: '00D5g000004MjfQEAS',
    object: request.object,
    operation: request.operation,
    status: 'completed',
    submittedAt: acceptedExample.submittedAt,
    finishedAt: '2026-11-23T09:15:42.000Z',
    reason: request.reason,
    plan,
    outcome: { deleted: 2, alreadyGone: 0, failed: 0, unprocessed: 0 },
    failures: {},
    ingestJobs: [{ id: '7505g00000ExPunAAF', state: 'JobComplete', records: 2, attempt: 1 }],
    files: [],
    submittedBy: 'crm',
    approvedBy: null,
    cancelledBy: null,
    error: null,
  },
}

export const pageExample: RequestPage = {
  requests: [completedExample],
  unreadable: [],
  next: 'WzE3NjM4ODkzMDAwMDAsImdkcHItMjAyNi0wMDAxMjMiXQ',
}

export const failedExample =
  'Id,Code,Message\n0035g00000AbCdEAAV,DELETE_FAILED,Your attempt to delete …\n'

/** One problem for each status that has one. */
export const PROBLEM_EXAMPLES: Readonly<
  Record<number, Omit<Problem, 'type' | 'title' | 'status'>>
> = {
  400: { code: 'MALFORMED_BODY', detail: 'Expected JSON, got text that is none at position 17.' },
  401: { code: 'KEY_MISSING', detail: 'Expected a key: Authorization: Bearer <key>.' },
  403: { code: 'ROLE_MISSING', detail: 'The key crm lacks the role "approve".' },
  404: { code: 'UNKNOWN_REQUEST', detail: 'Org "default" knows no request gdpr-2026-000123.' },
  405: { code: 'METHOD_NOT_ALLOWED', detail: 'Expected one of the methods GET, HEAD, POST.' },
  408: {
    code: 'TOO_SLOW',
    detail: 'The body came too slowly, or not at all. Nothing was accepted.',
  },
  409: {
    code: 'ID_TAKEN',
    detail: 'Request gdpr-2026-000123 exists in org default with other content.',
  },
  410: {
    code: 'ID_GONE',
    detail:
      'Request gdpr-2026-000123 of org default ended completed at 2026-11-23T09:15:42.000Z, and its record has expired. It had the same content. It is not run again. Use another id for a new request.',
    gone: { status: 'completed', finishedAt: '2026-11-23T09:15:42.000Z', sameContent: true },
  },
  413: { code: 'BODY_TOO_LARGE', detail: 'Expected at most 524288 bytes of JSON.' },
  415: {
    code: 'MEDIA_TYPE_NOT_SUPPORTED',
    detail:
      'Expected the header Content-Type: application/json, or text/csv where a CSV is uploaded.',
  },
  422: {
    code: 'INVALID_REQUEST',
    detail: '2 fields are wrong.',
    errors: [
      { field: 'maxRecords', message: 'Too small: expected number to be >=1' },
      { field: 'prioritty', message: 'unknown field' },
    ],
  },
  429: { code: 'RATE_LIMITED', detail: 'The key crm has used up its 600 calls a minute.' },
  431: {
    code: 'HEADERS_TOO_LARGE',
    detail: 'The header lines are larger than is taken here.',
  },
  500: { code: 'INTERNAL_ERROR', detail: 'The service has met a defect.' },
  503: { code: 'REDIS_AWAY', detail: 'Redis does not answer. Try again.' },
}
