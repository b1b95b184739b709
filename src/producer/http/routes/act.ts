import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AuditEntry } from '../../../shared/audit.ts'
import type { RequestView } from '../../producer.ts'
import { audit, auditDenial } from '../audit.ts'
import { assertAllowed } from '../caller.ts'
import type { ApiKey } from '../keys.ts'
import { ACTION_BYTES } from '../limits.ts'
import { actionBody, approvalBody, idIn, orgQuery, parseFields } from '../parameters.ts'
import { type Denial, type ExistingRequest, mayApprove, mayCancel } from '../rights.ts'
import type { Service } from '../service.ts'
import { soon } from '../soon.ts'
import { existing, find } from './look.ts'
import { REQUESTS_PATH } from './submit.ts'

interface Action {
  readonly name: Exclude<AuditEntry['action'], 'submit'>
  readonly status: 200 | 202
  readonly may: (key: ApiKey, request: ExistingRequest) => Denial | null
  /** Else it was done before, and to repeat it is harmless. */
  readonly changes: (view: RequestView) => boolean
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
    changes: ({ status }) => status === 'awaiting-approval',
    act: ({ producer }, { id, org }, { plan, ...signed }) =>
      producer.approve(id, { org, ...signed, ...(plan === undefined ? {} : { plan }) }),
  },
  {
    // Not over yet: workers have to end what is at work in Salesforce.
    name: 'cancel',
    status: 202,
    may: mayCancel,
    changes: ({ stopping }) => stopping === null,
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
  { name, may, changes, act }: Action,
  request: FastifyRequest,
  service: Service,
): Promise<RequestView> {
  const { callers, log, patience } = service
  const key = callers.of(request)
  const { org } = parseFields(orgQuery, request.query)
  const said = bodyOf(name, request.body)
  const id = idIn(request.params)
  const entry = { action: name, org, id, reason: said.reason ?? null }
  try {
    const before = await find(service, key, { org, id })
    assertAllowed(may(key, existing(before)))
    const acted = act(service, before, { by: key.name, ...said }).then(() => {
      if (changes(before)) audit(log, request, key, { ...entry, id: before.id })
    })
    await soon(patience, acted)
  } catch (error) {
    auditDenial(log, request, key, entry, error)
    throw error
  }
  return find(service, key, { org, id })
}

/** Most send no body. */
function bodyOf(action: Action['name'], body: unknown): Omit<Signed, 'by'> {
  if (body === undefined) return {}
  return action === 'approve' ? parseFields(approvalBody, body) : parseFields(actionBody, body)
}
