import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { codeOf } from '../../../shared/base/errors.ts'
import type { ResultFile } from '../../../shared/contract/receipt.ts'
import { assertAllowed } from '../caller.ts'
import { idIn, orgQuery, parseFields, resultFileIn } from '../parameters.ts'
import { HttpError, retryAfter } from '../problem.ts'
import { mayRead } from '../rights.ts'
import type { Service } from '../service.ts'
import { existing, find } from './look.ts'
import { REQUESTS_PATH } from './submit.ts'

/** `GET …/{id}/results/{file}`: which ids got which verdict, as the workers wrote it. */
export function resultsRoute(app: FastifyInstance, service: Service): void {
  const { callers, results } = service
  const path = `${REQUESTS_PATH}/:id/results/:file`
  // Not Fastify's own HEAD, which would read the whole file.
  const options = { onRequest: callers.admit, exposeHeadRoute: false }
  const method = ['GET', 'HEAD']
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const { org } = parseFields(orgQuery, request.query)
    const id = idIn(request.params)
    const name = resultFileIn(request.params)
    const key = callers.of(request)
    const view = await find(service, key, { org, id })
    assertAllowed(mayRead(key, existing(view)))
    if (view.receipt === null) throw notOverYet(view)
    const listed = view.receipt.files.find((file) => file.name === name)
    if (listed === undefined) throw noRows(view.id, name)
    const file = await opened(join(results.folder({ org, id: view.id }), name), listed)
    if (file === null) throw lost(view.id, listed)
    void reply
      .header('Content-Type', 'text/csv; charset=utf-8')
      .header('Content-Length', listed.bytes)
      .header('Content-Disposition', `attachment; filename="${view.id}-${name}"`)
      .header('Repr-Digest', `sha-256=:${Buffer.from(listed.sha256, 'hex').toString('base64')}:`)
    if (request.method === 'GET') return reply.send(file.createReadStream())
    await file.close()
    return reply.send()
  }
  app.route({ method, url: path, ...options, handler })
}

/** Null where it is not there, or is of another size than it was written with. */
async function opened(path: string, { bytes }: ResultFile): Promise<FileHandle | null> {
  try {
    const file = await open(path)
    if ((await file.stat()).size === bytes) return file
    await file.close()
    return null
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

function lost(id: string, { name, rows, bytes }: ResultFile): HttpError {
  return new HttpError(
    'RESULT_FILE_LOST',
    `${name} of request ${id} has ${rows} rows and ${bytes} bytes, and is not in the results directory of this service as it was written.`,
    retryAfter(),
  )
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
