import { z } from 'zod'
import type { ResultFile } from '../../../shared/contract/receipt.ts'
import { HttpError, retryAfter } from '../http-error.ts'
import { csvContent, headers, schemaOf } from '../openapi/parts.ts'
import { type ParameterSet, parameter, requestPath } from '../parameters.ts'
import { mayRead } from '../rights.ts'
import { REQUESTS_PATH, requestRoute } from '../route.ts'

const RESULT_FILES = ['failed.csv', 'unprocessed.csv', 'invalid.csv', 'deleted.csv'] as const

const fileName = z
  .enum(RESULT_FILES)
  .describe(
    'failed: Id, Code, Message. unprocessed: Id. invalid: Line, Value, Reason. deleted: Id, where the audit option is on.',
  )
const filePath = z.object({ file: fileName })

const pathParameters: ParameterSet<{ id: string; file: string }> = {
  documented: [...requestPath.documented, parameter('path', 'file', schemaOf(fileName, 'output'))],
  parse: (given) => {
    const { id } = requestPath.parse(given)
    const parsed = filePath.safeParse(given)
    if (parsed.success) return { id, ...parsed.data }
    throw new HttpError('NO_RESULT_FILE', `Expected one of ${RESULT_FILES.join(', ')}.`)
  },
}

/** Serves the result files, as the workers wrote them. */
export const resultsRoute = requestRoute({
  method: 'get',
  path: `${REQUESTS_PATH}/{id}/results/{file}`,
  operationId: 'getResultFile',
  summary: 'Download a result file',
  description:
    'Which ids got which verdict, once the request is over. A file without rows does not exist; the receipt lists the others in `files`. Needs the role `read`, or the key that submitted the request.',
  pathParameters,
  answers: {
    200: {
      description: 'The file.',
      headers: headers('X-Request-Id', 'Repr-Digest'),
      content: csvContent(
        'Id,Code,Message\n0035g00000AbCdEAAV,DELETE_FAILED,Your attempt to delete …\n',
      ),
    },
  },
  problems: [409],
  may: mayRead,
  handle: async ({ view, path: { file: name }, request }, { results }) => {
    if (view.receipt === null) throw notOverYet(view)
    const listed = view.receipt.files.find((file) => file.name === name)
    if (listed === undefined) throw noRows(view.id, name)
    const file = await results.openFile(view, listed)
    if (file === null) throw lost(view.id, listed)
    const isRead = request.method === 'GET'
    if (!isRead) await file.close()
    return {
      status: 200,
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Length': listed.bytes,
        'Content-Disposition': `attachment; filename="${view.id}-${name}"`,
        'Repr-Digest': `sha-256=:${Buffer.from(listed.sha256, 'hex').toString('base64')}:`,
      },
      ...(isRead ? { body: file.stream() } : {}),
    }
  },
})

function lost(id: string, { name, rows, bytes }: ResultFile): HttpError {
  return new HttpError(
    'RESULT_FILE_LOST',
    `${name} of request ${id} has ${rows} rows and ${bytes} bytes, and is not in the results store of this service as it was written.`,
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
