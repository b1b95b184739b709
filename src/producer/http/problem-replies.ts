import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../../shared/logger.ts'
import { callOf } from './audit.ts'
import { addFacts } from './call-facts.ts'
import type { Patience } from './limits.ts'
import { methodNotAllowed } from './methods.ts'
import {
  HttpError,
  noSuchRoute,
  type Problem,
  type ProblemAnswer,
  problemAnswer,
} from './problem.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** Every failure of a call is answered with a problem, whoever has met it. */
export function answerWithProblems(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error, request, reply) => reject(error, request, reply, log))
  app.setNotFoundHandler((request, reply) => reject(noSuchRoute(), request, reply, log))
}

export function reject(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): FastifyReply {
  const { problem, headers } = problemAnswer(error)
  addFacts(request, { code: problem.code })
  if (problem.status >= 500) {
    log.error({ err: error, code: problem.code, ...callOf(request) }, 'A call failed.')
  }
  return (
    reply
      .code(problem.status)
      .headers(headers)
      // Fastify refuses some calls before any hook has run.
      .header('X-Request-Id', request.id)
      .header('Content-Type', PROBLEM_TYPE)
      .send(JSON.stringify(problem))
  )
}

/** Answers what Node itself refuses before there is a request: there is only the bare connection. */
export function refuseConnection({ lingerMs }: Patience) {
  return (error: Error & { code?: string }, socket: Duplex): void => {
    if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') socket.destroy()
    else endWith(clientError(error.code), socket, lingerMs)
  }
}

/** CONNECT names no path. Node ends its connection without an answer where nobody gives one. */
export function refuseTunnels(app: FastifyInstance, { lingerMs }: Patience): void {
  app.server.on('connect', (_, socket) => {
    endWith(methodNotAllowed(['GET', 'HEAD', 'POST']), socket, lingerMs)
  })
}

/**
 * Answers, and takes in for a while what still comes: a connection that is closed with bytes unread is
 * reset, and its sender may lose the answer.
 */
function endWith(error: HttpError, socket: Duplex, lingerMs: number): void {
  const { problem, headers } = problemAnswer(error)
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  timer.unref()
  // What comes now is for nobody: Node's parser would refuse each block of it again.
  for (const event of ['data', 'end', 'error']) socket.removeAllListeners(event)
  socket
    .on('data', () => {})
    .once('end', () => socket.destroy())
    .once('error', () => socket.destroy())
    .once('close', () => clearTimeout(timer))
    .end(rawAnswer(problem, headers))
}

function clientError(code: string | undefined): HttpError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError('HEADERS_TOO_LARGE', 'The header lines are larger than is taken here.')
    case 'HPE_INVALID_METHOD':
      return new HttpError(
        'MALFORMED_HTTP',
        'Expected a method that HTTP knows, in capital letters.',
      )
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError('TOO_SLOW', 'The header lines came too slowly.')
    default:
      return new HttpError('MALFORMED_HTTP', 'This is not HTTP/1.1.')
  }
}

function rawAnswer(problem: Problem, headers: ProblemAnswer['headers']): string {
  const body = JSON.stringify(problem)
  const lines = {
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
    ...headers,
  }
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    ...Object.entries(lines).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n')
}
