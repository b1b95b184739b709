import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { codeOf } from '../../../shared/errors.ts'
import { assertAllowed } from '../caller.ts'
import { idIn, orgQuery, parseFields, resultFileIn } from '../parameters.ts'
import { HttpError } from '../problem.ts'
import { mayRead } from '../rights.ts'
import type { Service } from '../service.ts'
import { existing, find } from './look.ts'
import { REQUESTS_PATH } from './submit.ts'

/** `GET …/{id}/results/{file}`: which ids got which verdict, as the workers wrote it. */
export function resultsRoute(app: FastifyInstance, service: Service): void {
  const { callers, results } = service
  const path = `${REQUESTS_PATH}/:id/results/:file`
  // No HEAD: Fastify would read the whole file for it.
  const options = { onRequest: callers.admit, exposeHeadRoute: false }
  app.get(path, options, async (request, reply) => {
    const { org } = parseFields(orgQuery, request.query)
    const id = idIn(request.params)
    const name = resultFileIn(request.params)
    const key = callers.of(request)
    const view = await find(service, key, { org, id })
    assertAllowed(mayRead(key, existing(view)))
    if (view.receipt === null) throw notOverYet(view)
    const file = await opened(join(results.folder({ org, id: view.id }), name))
    if (file === null) throw noRows(view.id, name)
    const { size } = await file.stat()
    return reply
      .header('Content-Type', 'text/csv; charset=utf-8')
      .header('Content-Length', size)
      .header('Content-Disposition', `attachment; filename="${view.id}-${name}"`)
      .send(file.createReadStream())
  })
}

/** Null where there is none: a file without rows is not written. */
async function opened(path: string): Promise<FileHandle | null> {
  try {
    return await open(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

function notOverYet({ id, status }: { id: string; status: string }): HttpError {
  return new HttpError(
    'NOT_OVER_YET',
    `Request ${id} is ${status}: its result files are there once it is over.`,
  )
}

function noRows(id: string, name: string): HttpError {
  const hint =
    name === 'deleted.csv' ? ' It is written where the setting results.deleted is on.' : ''
  return new HttpError('NO_RESULT_FILE', `Request ${id} has no rows for ${name}.${hint}`)
}
