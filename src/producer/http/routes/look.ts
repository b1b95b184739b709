import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type RequestView, UnknownRequestError } from '../../producer.ts'
import { assertAllowed } from '../caller.ts'
import { methodNotAllowed } from '../methods.ts'
import { idIn, orgQuery, parseFields } from '../parameters.ts'
import { type ApiKey, type ExistingRequest, mayRead, outsideOrgs } from '../rights.ts'
import type { Service } from '../service.ts'
import { soon } from '../soon.ts'
import { CSV_PATH, REQUESTS_PATH } from './submit.ts'

/** `GET …/{id}`: status, plan, progress, receipt. */
export function lookRoute(app: FastifyInstance, service: Service): void {
  const { callers } = service
  const options = { onRequest: callers.admit }
  const look = async (request: FastifyRequest, id: string) => {
    const { org } = parseFields(orgQuery, request.query)
    const key = callers.of(request)
    const view = await find(service, key, { org, id })
    assertAllowed(mayRead(key, existing(view)))
    return view
  }
  app.get(`${REQUESTS_PATH}/:id`, options, async (request) => look(request, idIn(request.params)))
  // A request may have the id that the path for uploads ends with.
  app.get(CSV_PATH, options, async (request) =>
    look(request, 'csv').catch((error: unknown) => {
      throw error instanceof UnknownRequestError ? methodNotAllowed(['POST']) : error
    }),
  )
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
