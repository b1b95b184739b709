import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../../shared/base/logger.ts'
import { callOf } from './audit.ts'
import { addFacts } from './call-facts.ts'
import { noSuchRoute, problemAnswer } from './problem.ts'

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
