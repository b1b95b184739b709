import { z } from 'zod'
import { boundedText } from '../../../shared/contract/portable-schema.ts'
import type { SignedAct } from '../../../shared/contract/receipt.ts'
import type { RequestView } from '../../producer.ts'
import { LIMITS } from '../limits.ts'
import { json, ref, schemaOf } from '../openapi/parts.ts'
import { acceptedExample, completedExample, viewSchema } from '../openapi/request.ts'
import { parseFields, requestPath } from '../parameters.ts'
import { mayApprove, mayCancel } from '../rights.ts'
import { findRequest, REQUESTS_PATH, type RequestCall, type Route, requestRoute } from '../route.ts'
import type { Service } from '../service.ts'

/** The reason for an action, for the receipt and the audit log. */
const actionBody = z.strictObject({ reason: boundedText(1000).optional() })

const approvalBody = actionBody.extend({
  plan: z
    .string()
    .max(64)
    .optional()
    .describe(
      'sha256 of the plan that was looked at: where another one waits, it is not approved.',
    ),
})

export const approveRoute = actionRoute({
  action: 'approve',
  operationId: 'approveDeletionRequest',
  summary: 'Approve a plan',
  description:
    'Lets a plan that awaits approval go ahead. Of a dry run (status `planned`), it applies the kept plan: exactly its ids are deleted by a new request, which is the answer. Needs the role `approve`, a key for the object and the operation, and another than the one that submitted it. May be repeated. Name the `plan` that you looked at, and no other is approved.',
  body: {
    name: 'Approval',
    schema: approvalBody,
    example: { reason: 'Checked.', plan: completedExample.plan?.sha256 },
  },
  status: 200,
  answer: json('Approved.', viewSchema, { ...acceptedExample, status: 'deleting' }),
  may: mayApprove,
  signed: ({ approvedBy }) => approvedBy,
  act: ({ producer }, { id, org }, { plan, ...signed }) =>
    producer.approve(id, { org, ...signed, ...(plan === undefined ? {} : { plan }) }),
})

export const cancelRoute = actionRoute({
  action: 'cancel',
  operationId: 'cancelDeletionRequest',
  summary: 'Cancel a deletion request',
  description:
    'From now on nothing more of it is sent, and its ingest jobs at work are aborted; the receipt tells what was deleted until then. Turns down a plan that awaits approval. Needs the role `approve`, or the key that submitted it. May be repeated.',
  body: { name: 'Action', schema: actionBody, example: { reason: 'Withdrawn.' } },
  // The request has not ended yet: workers must end its ingest jobs in Salesforce.
  status: 202,
  answer: json('It is being ended.', viewSchema, { ...acceptedExample, stopping: 'cancelled' }),
  may: mayCancel,
  signed: ({ cancelledBy }) => cancelledBy,
  act: async ({ producer }, { id, org }, signed) => {
    await producer.cancel(id, { org, ...signed })
    return { id }
  },
})

type Said = z.output<typeof approvalBody>

interface Action
  extends Pick<
    Parameters<typeof requestRoute>[0],
    'operationId' | 'summary' | 'description' | 'may'
  > {
  readonly action: 'approve' | 'cancel'
  /** May be left out. */
  readonly body: {
    readonly name: string
    readonly schema: z.ZodType<Said>
    readonly example: Said
  }
  readonly status: 200 | 202
  readonly answer: ReturnType<typeof json>
  /** Who performed the action; null before it. */
  readonly signed: (view: RequestView) => SignedAct | null
  readonly act: (
    service: Service,
    view: RequestView,
    signed: Said & { readonly by: string },
  ) => Promise<{ readonly id: string }>
}

/** `POST …/{id}/approve` or `…/cancel`: both may be repeated. */
function actionRoute(action: Action): Route {
  const { action: name, body, status, answer } = action
  return requestRoute({
    method: 'post',
    path: `${REQUESTS_PATH}/{id}/${name}`,
    operationId: action.operationId,
    summary: action.summary,
    description: action.description,
    pathParameters: requestPath,
    body: {
      type: 'application/json',
      content: { 'application/json': { schema: ref(body.name), example: body.example } },
      isRequired: false,
      components: () => ({ [body.name]: schemaOf(body.schema, 'input') }),
      maxBytes: LIMITS.actionBytes,
      parse: (given) => (given === undefined ? undefined : parseFields(body.schema, given)),
    },
    answers: { [status]: answer },
    problems: [413],
    may: action.may,
    audit: name,
    handle: async (call, service) => {
      const { id } = await service.inTime(carryOut(action, call, service))
      return { status, body: await findRequest(service, call.key, { ...call.view, id }) }
    },
  })
}

/** Repeating an action that was already performed changes nothing and leaves no line. */
async function carryOut(
  { signed, act }: Action,
  { view, key, body, audit }: RequestCall<unknown, Said | undefined>,
  service: Service,
): Promise<{ readonly id: string }> {
  const { id, org } = view
  const change = { org, id, reason: body?.reason ?? null }
  let done: { readonly id: string }
  try {
    done = await act(service, view, { ...body, by: key.name })
  } catch (error) {
    audit.failed(change, error)
    throw error
  }
  if (signed(view) !== null || view.keptPlan?.appliedAs) return done
  // Reads the request again: it may have begun to wait meanwhile, or another caller may have been
  // first.
  const after = await service.producer.inspect(done.id, { org }).catch(() => null)
  if (after === null || signed(after)?.actor === key.name) audit.made({ ...change, id: done.id })
  return done
}
