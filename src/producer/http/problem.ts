import { STATUS_CODES } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { codeOf, messageOf } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { InvalidRequestError } from '../../shared/contract/request-problems.ts'
import { ResultsStoreError } from '../../shared/results/results-store.ts'
import { NothingToRetryError, ResultFileLostError } from '../../shared/results/rows-to-retry.ts'
import { troubleOf } from '../../shared/store/redis/trouble.ts'
import {
  AlreadyOverError,
  BudgetExceededError,
  ConflictError,
  GoneError,
  LedgerReplacedError,
  NotRetryableError,
  NotWaitingError,
  PlanAppliedError,
  PlanChangedError,
  PlanExpiredError,
  RedisUnavailableError,
  UnknownObjectError,
  UnknownRequestError,
  UnusableObjectError,
} from '../producer.ts'
import { addFacts, callOf } from './call-log.ts'
import { HttpError, noSuchRoute, retryAfter, STATUS_OF } from './http-error.ts'
import type { Problem } from './openapi/parts.ts'

interface ProblemAnswer {
  readonly problem: Problem
  readonly headers: Readonly<Record<string, string>>
}

/** The answer for an error. An unknown error is a bug, and no part of it is shown. */
export function problemAnswer(error: unknown): ProblemAnswer {
  if (error instanceof HttpError) return answer(error.status, error.code, error)
  // Also in a library's words, such as the dashboard's.
  const trouble = troubleOf(error)
  if (trouble !== null) {
    const { message } =
      error instanceof RedisUnavailableError
        ? error
        : new RedisUnavailableError(trouble, messageOf(error))
    return answer(503, trouble, { message, headers: retryAfter() })
  }
  if (error instanceof ResultsStoreError) {
    return answer(503, error.code, { message: RESULTS_AWAY, headers: retryAfter() })
  }
  if (error instanceof ResultFileLostError) {
    return answer(503, error.code, { message: RESULT_FILE_LOST, headers: retryAfter() })
  }
  if (error instanceof LedgerReplacedError) return answer(503, error.code, error)
  if (error instanceof InvalidRequestError) {
    return answer(422, error.code, { message: fieldsInWords(error) }, { errors: error.problems })
  }
  if (error instanceof UnknownObjectError || error instanceof UnusableObjectError) {
    const { message } = error
    return answer(422, error.code, error, { errors: [{ field: 'object', message }] })
  }
  if (error instanceof BudgetExceededError) {
    const { message, retryAfterSeconds: seconds } = error
    return answer(429, error.code, {
      message,
      headers: seconds === null ? {} : retryAfter(seconds),
    })
  }
  if (error instanceof GoneError) {
    const { status, finishedAt, sameContent } = error
    return answer(410, error.code, error, { gone: { status, finishedAt, sameContent } })
  }
  if (error instanceof UnknownRequestError) return answer(404, error.code, error)
  if (
    error instanceof ConflictError ||
    error instanceof NotRetryableError ||
    error instanceof NothingToRetryError ||
    error instanceof NotWaitingError ||
    error instanceof PlanChangedError ||
    error instanceof PlanAppliedError ||
    error instanceof PlanExpiredError ||
    error instanceof AlreadyOverError
  ) {
    return answer(409, error.code, error)
  }
  return frameworkProblem(error) ?? answer(500, 'INTERNAL_ERROR', { message: DEFECT })
}

const RESULTS_AWAY =
  'The results store of the service cannot be used now. Its log says why. Try again.'
const RESULT_FILE_LOST =
  'A result file of the request is not in the results store of this service as it was written. Nothing was retried.'
const DEFECT =
  'The service has met a defect. The request id of this answer finds it in the log of the service.'

function fieldsInWords({ count, problems }: InvalidRequestError): string {
  const listed = problems.length
  const more = count > listed ? `, of which the first ${listed} are listed` : ''
  return count === 1 ? 'A field is wrong.' : `${count} fields are wrong${more}.`
}

/** Errors that Fastify itself raises, by code. */
function frameworkProblem(error: unknown): ProblemAnswer | null {
  switch (codeOf(error)) {
    case 'FST_ERR_BAD_URL':
      return say('MALFORMED_URL', 'The path is not a valid URL.')
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return say('NO_SUCH_ROUTE', 'No request id is that long.')
    case 'FST_STATIC_FORBIDDEN_PATH':
      return say('NO_SUCH_ROUTE', 'No file of a page can have this path.')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return say('MEDIA_TYPE_NOT_SUPPORTED', MEDIA_TYPES)
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return say('BODY_CUT_SHORT', 'The body is not as long as its Content-Length says.')
    default:
      return isCallersFault(error)
        ? say('MALFORMED_HTTP', 'The call is not one that this service can read.')
        : null
  }
}

/** A future Fastify error with a code not listed above is not our bug either. */
function isCallersFault(error: unknown): boolean {
  const { code, statusCode } = Object(error)
  return String(code).startsWith('FST_') && statusCode >= 400 && statusCode < 500
}

const MEDIA_TYPES =
  'Expected the header Content-Type: application/json, or text/csv where a CSV is uploaded.'

function say(code: keyof typeof STATUS_OF, message: string): ProblemAnswer {
  return answer(STATUS_OF[code], code, { message })
}

function answer(
  status: number,
  code: string,
  { message, headers = {} }: { message: string; headers?: Readonly<Record<string, string>> },
  more: Pick<Problem, 'errors' | 'gone'> = {},
): ProblemAnswer {
  const title = STATUS_CODES[status] ?? 'Problem'
  return {
    problem: { type: 'about:blank', title, status, code, detail: message, ...more },
    headers,
  }
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** Answers every failed call with a problem. */
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
      // Fastify rejects some calls before any hook has run.
      .header('X-Request-Id', request.id)
      .header('Content-Type', PROBLEM_TYPE)
      .send(JSON.stringify(problem))
  )
}
