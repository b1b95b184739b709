import { z } from 'zod'
import { boundedText } from '../../../shared/contract/portable-schema.ts'
import { PRIORITIES } from '../../../shared/contract/request.ts'
import { assertAllowed } from '../http-error.ts'
import { LIMITS } from '../limits.ts'
import { json, ref, schemaOf } from '../openapi/parts.ts'
import { acceptedExample, viewSchema } from '../openapi/request.ts'
import { parseFields, requestPath } from '../parameters.ts'
import { mayCancel, mayUsePriority } from '../rights.ts'
import { findRequest, REQUESTS_PATH, type RequestCall, requestRoute } from '../route.ts'
import type { Service } from '../service.ts'

const priorityBody = z.strictObject({
  priority: z.enum(PRIORITIES).describe('The new priority.'),
  reason: boundedText(1000).optional().describe('For the request and the audit log.'),
})

type Wanted = z.output<typeof priorityBody>

export const priorityRoute = requestRoute({
  method: 'post',
  path: `${REQUESTS_PATH}/{id}/priority`,
  operationId: 'setPriorityOfDeletionRequest',
  summary: 'Change the priority of a deletion request',
  description:
    'What has not been sent goes on with the new priority; ingest jobs at work are not affected. Needs the role `approve`, or the key that submitted it, and a key for the new priority. May be repeated.',
  pathParameters: requestPath,
  body: {
    type: 'application/json',
    content: { 'application/json': { schema: ref('Priority'), example: { priority: 'high' } } },
    isRequired: true,
    components: () => ({ Priority: schemaOf(priorityBody, 'input') }),
    maxBytes: LIMITS.actionBytes,
    parse: (given): Wanted => parseFields(priorityBody, given),
  },
  answers: { 200: json('Changed.', viewSchema, acceptedExample) },
  problems: [413],
  may: mayCancel,
  audit: 'priority',
  handle: async (call, service) => {
    if (call.body !== undefined) await service.inTime(change({ ...call, body: call.body }, service))
    return { status: 200, body: await findRequest(service, call.key, call.view) }
  },
})

/** A priority that the request already has leaves no line. */
async function change(
  { view: { id, org, request }, key, body, audit }: RequestCall<unknown, Wanted> & { body: Wanted },
  { producer }: Service,
): Promise<void> {
  const { priority, reason = null } = body
  assertAllowed(mayUsePriority(key, priority))
  try {
    await producer.setPriority(id, priority, { org, by: key.name, reason: reason ?? undefined })
  } catch (error) {
    audit.failed({ org, id, reason }, error)
    throw error
  }
  if (request.priority !== priority) {
    audit.made({ org, id, reason }, { priority, before: request.priority })
  }
}
