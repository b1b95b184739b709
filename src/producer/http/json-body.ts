import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { messageOf } from '../../shared/base/errors.ts'
import { assertNotCompressed, atMinimumRate } from './body.ts'
import { HttpError } from './http-error.ts'
import { jsonShape } from './json-shape.ts'
import { LIMITS } from './limits.ts'
import type { Service } from './service.ts'

/**
 * Bytes that are parsed at once: at worst 0.4 ms of work, 2 ms cold. Parsing one body per
 * event-loop turn would halve the rate of small requests, from 4,400 to 2,500 a second.
 */
const SMALL_BODY = 8192

/**
 * Reads JSON bodies instead of Fastify's own parser, which would wait forever for a slow sender and
 * parse any body at once. Fastify's rules for the content still apply: no `__proto__`, no
 * `constructor.prototype`.
 */
export function readJsonBodies(app: FastifyInstance, service: Service): void {
  const { callers } = service
  const parse = app.getDefaultJsonParser('error', 'error')
  const parsed = (request: FastifyRequest, text: string) =>
    new Promise<unknown>((resolve, reject) => {
      const done = (error: Error | null, body?: unknown) => (error ? reject(error) : resolve(body))
      void parse(request, text, done)
    })
  const turn = createTurns()
  const withBody = bodyTaker(service)
  app.removeContentTypeParser(['application/json', 'text/plain'])
  app.addContentTypeParser(
    'application/json',
    async (request: FastifyRequest, payload: Readable) => {
      assertNotCompressed(request, 'JSON')
      return withBody(request, payload, async (bytes) => {
        if (bytes.length > SMALL_BODY) await turn(callers.of(request).name)
        const text = textIn(bytes)
        // Many clients name the type of a body that they do not send.
        if (text === '') return undefined
        return parsed(request, text).catch(() => {
          throw new HttpError('MALFORMED_BODY', faultIn(text))
        })
      })
    },
  )
}

/** Receives a body and passes it on; until that is done, its bytes count as held. */
function bodyTaker({ callers, timeouts }: Service) {
  return async <T>(
    request: FastifyRequest,
    payload: Readable,
    use: (body: Uint8Array) => Promise<T>,
  ): Promise<T> => {
    const { bodyLimit } = request.routeOptions
    const { name } = callers.of(request)
    if (Number(request.headers['content-length'] ?? 0) > bodyLimit) throw tooLarge(bodyLimit)
    const look = jsonShape(LIMITS.json)
    const blocks: Uint8Array[] = []
    let bytes = 0
    try {
      for await (const block of atMinimumRate(payload, timeouts.body)) {
        if (bytes + block.length > bodyLimit) throw tooLarge(bodyLimit)
        callers.shares.jsonBytes.take(name, block.length)
        bytes += block.length
        look(block)
        blocks.push(block)
      }
      return await use(Buffer.concat(blocks))
    } finally {
      callers.shares.jsonBytes.give(name, bytes)
    }
  }
}

function textIn(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new HttpError('MALFORMED_BODY', 'Expected JSON in UTF-8, got other bytes.')
  }
}

function tooLarge(bytes: number): HttpError {
  return new HttpError(
    'BODY_TOO_LARGE',
    `Expected at most ${bytes} bytes of JSON. More ids than 10,000 go as text/csv, of any size.`,
  )
}

/**
 * Where the JSON is invalid. The parser's own message quotes the body, which may contain anything.
 */
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

/**
 * Allows each caller one piece of work per event-loop turn. Parsing the largest body takes about 20
 * ms, so forty bodies of one caller, parsed in a row, would delay every other caller.
 */
export function createTurns(): (caller: string) => Promise<void> {
  const last = new Map<string, Promise<void>>()
  return async (caller) => {
    const turn = (last.get(caller) ?? Promise.resolve()).then(() => setImmediate())
    last.set(caller, turn)
    await turn
    if (last.get(caller) === turn) last.delete(caller)
  }
}
