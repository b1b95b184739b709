import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { messageOf } from '../../shared/errors.ts'
import { JSON_BYTES, JSON_BYTES_AT_ONCE, type Pace } from './limits.ts'
import { HttpError, retryAfter } from './problem.ts'
import { steadily } from './steady-body.ts'

/**
 * Reads JSON bodies in place of Fastify's own parser, which would wait for a slow sender for ever.
 * Fastify's rules about what may stand in them stay: no `__proto__`, no `constructor.prototype`.
 */
export function readJsonBodies(app: FastifyInstance, pace: Pace): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  const parsed = (request: FastifyRequest, text: string) =>
    new Promise<unknown>((resolve, reject) => {
      const done = (error: Error | null, body?: unknown) => (error ? reject(error) : resolve(body))
      void parse(request, text, done)
    })
  const held = { bytes: 0 }
  app.removeContentTypeParser(['application/json', 'text/plain'])
  app.addContentTypeParser(
    'application/json',
    async (request: FastifyRequest, payload: Readable) => {
      const text = textIn(await taken(request, payload, pace, held))
      // Many a client names the type of a body that it does not send.
      if (text === '') return undefined
      try {
        return await parsed(request, text)
      } catch {
        throw new HttpError('MALFORMED_BODY', faultIn(text))
      }
    },
  )
}

async function taken(
  { headers }: FastifyRequest,
  payload: Readable,
  pace: Pace,
  held: { bytes: number },
): Promise<Uint8Array> {
  if (Number(headers['content-length'] ?? 0) > JSON_BYTES) throw tooLarge()
  const blocks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const block of steadily(payload, pace)) {
      bytes += block.length
      held.bytes += block.length
      if (bytes > JSON_BYTES) throw tooLarge()
      if (held.bytes > JSON_BYTES_AT_ONCE) throw noRoom()
      blocks.push(block)
    }
    return Buffer.concat(blocks)
  } finally {
    held.bytes -= bytes
  }
}

function textIn(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new HttpError('MALFORMED_BODY', 'Expected JSON in UTF-8, got other bytes.')
  }
}

/** Else a few hundred callers, each within their rights, would take all memory. */
function noRoom(): HttpError {
  const message = `${JSON_BYTES_AT_ONCE} bytes of JSON come in at once already.`
  return new HttpError('TOO_MANY_UPLOADS', message, retryAfter())
}

function tooLarge(): HttpError {
  return new HttpError(
    'BODY_TOO_LARGE',
    `Expected at most ${JSON_BYTES} bytes of JSON. More ids than 10,000 go as text/csv, of any size.`,
  )
}

/** Where the JSON breaks off. The parser's own words quote the body, which may hold anything. */
function faultIn(text: string): string {
  try {
    JSON.parse(text)
    return 'Expected JSON without fields named __proto__ or constructor.'
  } catch (error) {
    const position = / at position \d+(?: \(line \d+ column \d+\))?/
    const [where = ''] = position.exec(messageOf(error)) ?? []
    return `Expected JSON, got text that is none${where}.`
  }
}
