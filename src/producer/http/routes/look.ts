import type { FastifyInstance } from 'fastify'
import { type RequestView, UnknownRequestError } from '../../producer.ts'
import { assertAllowed } from '../caller.ts'
import { idIn, orgQuery, parseFields } from '../parameters.ts'
import { type ApiKey, type ExistingRequest, mayRead, outsideOrgs } from '../rights.ts'
import type { Service } from '../service.ts'
import { soon } from '../soon.ts'
import { REQUESTS_PATH } from './submit.ts'

/** `GET …/{id}`: status, plan, progress, receipt. */
export function lookRoute(app: FastifyInstance, service: Service): void {
  const { callers } = service
  app.get(`${REQUESTS_PATH}/:id`, { onRequest: callers.admit }, async (request) => {
    const { org } = parseFields(orgQuery, request.query)
    const key = callers.of(request)
    const view = await find(service, key, { org, id: idIn(request.params) })
    assertAllowed(mayRead(key, existing(view)))
    return view
  })
}

/** What a key's rights are about. */
export function existing({ org, submittedBy, request }: RequestView): ExistingRequest {
  const { object, operation } = request
  return { org, submittedBy, object, operation }
}

/**
 * The request that a caller means, before it is known whether the key is for that.
 *
 * @throws UnknownRequestError
 */
export async function find(
  { producer, orgs, patience }: Service,
  key: ApiKey,
  { org, id }: { org: string; id: string },
): Promise<RequestView> {
  assertAllowed(outsideOrgs(key, org))
  await soon(patience, orgs.open(org))
  const view = await soon(patience, producer.inspect(id, { org }))
  if (view === null) throw new UnknownRequestError(`Org "${org}" knows no request ${id}.`)
  return view
}
