import type { FastifyRequest } from 'fastify'
import { HttpError } from './problem.ts'

/**
 * Bodies are taken as they are. To be called before one is read.
 *
 * @throws HttpError `MEDIA_TYPE_NOT_SUPPORTED`
 */
export function assertNotCompressed({ headers }: FastifyRequest, what: 'CSV' | 'JSON'): void {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() === 'identity') return
  throw new HttpError(
    'MEDIA_TYPE_NOT_SUPPORTED',
    `Expected the ${what} as it is, without a Content-Encoding.`,
  )
}
