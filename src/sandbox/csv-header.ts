import { DELIMITERS, type JobRequest } from './job.ts'

/**
 * Why Salesforce takes no row of an upload with this first line, in the words of a Failed job's
 * errorMessage: a delete takes one column, Id, in any case. Undefined where nothing is wrong.
 */
export function headerProblem(header: string, request: JobRequest): string | undefined {
  const columns = columnsOf(header, DELIMITERS[request.columnDelimiter])
  const isId = (column: string) => column.toLowerCase() === 'id'
  const stranger = columns.find((column) => !isId(column))
  if (!columns.some(isId)) return `InvalidBatch : Field name not found : ${stranger}`
  if (columns.length === 1) return undefined
  return `InvalidBatch : The '${request.operation}' batch must contain only ids`
}

function columnsOf(header: string, delimiter: string): string[] {
  return header.split(delimiter).map((column) => column.replace(/^"(.*)"$/, '$1'))
}
