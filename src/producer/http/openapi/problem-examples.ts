/** One problem for each status that has problems. */
export const PROBLEM_EXAMPLES: Readonly<Record<number, object>> = {
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
