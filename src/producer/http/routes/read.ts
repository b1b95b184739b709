import { UnknownRequestError } from '../../producer.ts'
import { methodNotAllowed } from '../http-error.ts'
import { json } from '../openapi/parts.ts'
import { completedExample, viewSchema } from '../openapi/request.ts'
import { type ParameterSet, requestPath } from '../parameters.ts'
import { mayRead } from '../rights.ts'
import { REQUESTS_PATH, type Route, requestRoute } from '../route.ts'
import { CSV_PATH } from './submit.ts'

export const readRoute = readAt(`${REQUESTS_PATH}/{id}`, requestPath)

const readCsv = readAt(CSV_PATH, { documented: [], parse: () => ({ id: 'csv' }) })

/** A request's id may be `csv`, the last part of the upload path. */
export const readCsvRoute: Route = {
  ...readCsv,
  isHidden: true,
  answer: (request, service) =>
    readCsv.answer(request, service).catch((error: unknown) => {
      throw error instanceof UnknownRequestError ? methodNotAllowed(['POST']) : error
    }),
}

function readAt(path: string, pathParameters: ParameterSet<{ id: string }>): Route {
  return requestRoute({
    method: 'get',
    path,
    operationId: 'getDeletionRequest',
    summary: 'Look at a deletion request',
    description:
      'Its status, plan, progress and receipt. Needs the role `read`, or the key that submitted it.',
    pathParameters,
    answers: { 200: json('The request as it is now.', viewSchema, completedExample) },
    may: mayRead,
    handle: async ({ view }) => ({ status: 200, body: view }),
  })
}
