import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AuditEntry } from '../../../shared/base/logger.ts'
import type { SignedAct } from '../../../shared/contract/signed-act.ts'
import type { RequestView } from '../../producer.ts'
import { audit, auditFailure } from '../audit.ts'
import { assertAllowed } from '../caller.ts'
import type { ApiKey } from '../keys.ts'
import { ACTION_BYTES } from '../limits.ts'
import { actionBody, approvalBody, idIn, orgQuery, parseFields } from '../parameters.ts'
import { DeniedError } from '../problem.ts'
import { type Denial, type ExistingRequest, mayApprove, mayCancel } from '../rights.ts'
import type { Service } from '../service.ts'
import { soon } from '../soon.ts'
import { existing, find } from './look.ts'
import { REQUESTS_PATH } from './submit.ts'

interface Action {
  readonly name: Exclude<AuditEntry['action'], 'submit'>
  readonly status: 200 | 202
  readonly may: (key: ApiKey, request: ExistingRequest) => Denial | null
  /** Whose act made it so; null before. */
  readonly signed: (view: RequestView) => SignedAct | null
  readonly act: (service: Service, view: RequestView, signed: Signed) => Promise<void>
}

/** Who acts and why, and of which plan. */
interface Signed {
  readonly by: string
  readonly reason?: string | undefined
  readonly plan?: string | undefined
}

const ACTIONS: readonly Action[] = [
  {
    name: 'approve',
    status: 200,
    may: mayApprove,
    signed: ({ approvedBy }) => approvedBy,
    act: ({ producer }, { id, org }, { plan, ...signed }) =>
      producer.approve(id, { org, ...signed, ...(plan === undefined ? {} : { plan }) }),
  },
  {
    // Not over yet: workers have to end what is at work in Salesforce.
    name: 'cancel',
    status: 202,
    may: mayCancel,
    signed: ({ cancelledBy }) => cancelledBy,
    act: ({ producer }, { id, org }, { by, reason }) => producer.cancel(id, { org, by, reason }),
  },
]

/** `POST …/{id}/approve` and `POST …/{id}/cancel`: each may be repeated. */
export function actRoutes(app: FastifyInstance, service: Service): void {
  for (const action of ACTIONS) {
    const path = `${REQUESTS_PATH}/:id/${action.name}`
    const options = { onRequest: service.callers.admit, bodyLimit: ACTION_BYTES }
    app.post(path, options, async (request, reply) => {
      const view = await act(action, request, service)
      return reply.code(action.status).send(view)
    })
  }
}

async function act(
  action: Action,
  request: FastifyRequest,
  service: Service,
): Promise<RequestView> {
  const { name, may } = action
  const { callers, log, patience } = service
  const key = callers.of(request)
  const { org } = parseFields(orgQuery, request.query)
  const said = bodyOf(name, request.body)
  const id = idIn(request.params)
  const entry = { action: name, org, id, reason: said.reason ?? null }
  try {
    const before = await find(service, key, { org, id })
    assertAllowed(may(key, existing(before)))
    await soon(patience, carryOut(action, before, said, request, service))
  } catch (error) {
    if (error instanceof DeniedError) auditFailure(log, request, key, entry, error)
    throw error
  }
  return find(service, key, { org, id })
}

/** What was signed before is repeated, which changes nothing and leaves no line. */
async function carryOut(
  { name, signed, act }: Action,
  before: RequestView,
  said: Omit<Signed, 'by'>,
  request: FastifyRequest,
  service: Service,
): Promise<void> {
  const { callers, log, producer } = service
  const key = callers.of(request)
  const { id, org } = before
  const entry = { action: name, org, id, reason: said.reason ?? null }
  try {
    await act(service, before, { by: key.name, ...said })
  } catch (error) {
    auditFailure(log, request, key, entry, error)
    throw error
  }
  if (signed(before) !== null) return
  // Looked at again: meanwhile it may have come to wait, or somebody else may have been first.
  const after = await producer.inspect(id, { org }).catch(() => null)
  if (after === null || signed(after)?.actor === key.name) audit(log, request, key, entry)
}

/** Most send no body. */
function bodyOf(action: Action['name'], body: unknown): Omit<Signed, 'by'> {
  if (body === undefined) return {}
  return action === 'approve' ? parseFields(approvalBody, body) : parseFields(actionBody, body)
}
