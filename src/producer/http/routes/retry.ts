import { z } from 'zod'
import { boundedText } from '../../../shared/contract/portable-schema.ts'
import { REQUEST_ID } from '../../../shared/contract/request.ts'
import type { StoredSource } from '../../../shared/contract/sources/sources.ts'
import { RETRY_KINDS, rowsToRetry } from '../../../shared/results/rows-to-retry.ts'
import { retryRequest } from '../../../shared/store/intake/retry.ts'
import type { RequestRecord } from '../../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../../shared/store/org-store.ts'
import { UnknownRequestError } from '../../producer.ts'
import type { ApiKey } from '../api-key.ts'
import { LIMITS } from '../limits.ts'
import { ref, schemaOf } from '../openapi/parts.ts'
import { parseFields, requestPath } from '../parameters.ts'
import { mayRead, mayRetry } from '../rights.ts'
import { REQUESTS_PATH, type RequestCall, requestRoute } from '../route.ts'
import type { Service } from '../service.ts'
import { accept, allow, answerOf, answers } from './submit.ts'

const MOST_CODES = 100

const retryBody = z.strictObject({
  as: z
    .string()
    .regex(REQUEST_ID)
    .optional()
    .describe('Id of the new request; `<id>-retry-1` by default.'),
  only: z
    .enum(RETRY_KINDS)
    .optional()
    .describe('Only the rows that failed, or only those that were not processed; else both.'),
  code: z
    .array(z.string().min(1).max(100))
    .min(1)
    .max(MOST_CODES)
    .readonly()
    .optional()
    .describe('Only rows that failed with one of these codes.'),
  reason: boundedText(1000).optional().describe('That of the ended request by default.'),
})

type Retry = z.output<typeof retryBody>

/** Takes the rows from the result files, so that a caller need not download and upload them. */
export const retryRoute = requestRoute({
  method: 'post',
  path: `${REQUESTS_PATH}/{id}/retry`,
  operationId: 'retryDeletionRequest',
  summary: 'Retry the rows that were not deleted',
  description:
    'Submits the failed and unprocessed rows of an ended request as a new one, with the same terms but without its deadline and what its plan was expected to be. Needs a key that may read the ended request and submit one like it. May be repeated: the same id with the same rows is the same request.',
  pathParameters: requestPath,
  body: {
    type: 'application/json',
    content: {
      'application/json': { schema: ref('Retry'), example: { code: ['UNABLE_TO_LOCK_ROW'] } },
    },
    isRequired: false,
    components: () => ({ Retry: schemaOf(retryBody, 'input') }),
    maxBytes: LIMITS.actionBytes,
    parse: (given): Retry => (given === undefined ? {} : parseFields(retryBody, given)),
  },
  answers,
  problems: [409, 410, 413, 503],
  may: mayRead,
  audit: 'submit',
  // The result files are read as whole, which takes as long as an upload of their size.
  handle: (call, service) =>
    service.callers.shares.uploads.use(call.key.name, () => retry(call, service)),
})

/** The more of its own retries a key retries in turn, the more records are read. */
const MOST_RETRIES = 100

/**
 * The sources of a request and, where the key itself retried another request by it, of that one. A
 * retry is an upload, but a key that may not upload got its rows from the other request.
 */
async function sourcesOf(
  record: RequestRecord,
  { name }: ApiKey,
  { ledger }: OrgStore,
): Promise<readonly StoredSource[]> {
  const sources: StoredSource[] = []
  let next: RequestRecord | null = record
  while (next !== null && sources.length < MOST_RETRIES) {
    const { request, submittedBy }: RequestRecord = next
    sources.push(request.source)
    next =
      request.retryOf === null || submittedBy !== name ? null : await ledger.load(request.retryOf)
  }
  return sources
}

async function retry(call: RequestCall<unknown, Retry | undefined>, service: Service) {
  const { view, body = {} } = call
  const { orgs, inTime, results } = service
  const store = await inTime(orgs.open(view.org))
  // What callers see of its URLs is not all of them.
  const record = await inTime(store.ledger.load(view.id))
  if (record === null)
    throw new UnknownRequestError(`Org "${view.org}" knows no request ${view.id}.`)
  const { request, receipt } = retryRequest(record, body, Date.now())
  const sources = await inTime(sourcesOf(record, call.key, store))
  const allowed = allow(call, request, service, (key, wanted) => mayRetry(key, wanted, sources))
  return answerOf(await accept(call, allowed, service, rowsToRetry(results, receipt, body)))
}
