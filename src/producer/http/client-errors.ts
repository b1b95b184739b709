import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { HttpError, methodNotAllowed } from './http-error.ts'
import { PROBLEM_TYPE, problemAnswer } from './problem.ts'
import type { Service } from './service.ts'

/** Answers on the bare connection what Node rejects before there is a request. */
interface ClientErrors {
  /** For Fastify, which would answer in its own format. */
  readonly refuse: (error: Error & { code?: string }, socket: Duplex) => void
  /** Listens for rejections that raise no error. */
  watch(app: FastifyInstance): void
}

export function createClientErrors({
  timeouts: { lingerMs },
  log,
}: Pick<Service, 'timeouts' | 'log'>): ClientErrors {
  const last = new WeakMap<Duplex, ServerResponse>()
  const answer = (socket: Duplex, error: HttpError) => {
    const id = randomUUID()
    log.info(
      { httpRequestId: id, code: error.code },
      'Received something that is not an HTTP request.',
    )
    close(socket, lingerMs, rawAnswer(error, id))
  }
  /**
   * If the connection ends with the pending answer, nothing more is sent: what follows is ignored.
   */
  const answerAfter = (response: ServerResponse, socket: Duplex, error: HttpError) => {
    takeIn(socket)
    if (!response.shouldKeepAlive) return
    response.once('close', () => socket.writable && answer(socket, error))
  }
  return {
    refuse: (error, socket) => {
      const response = last.get(socket)
      if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') {
        socket.destroy()
      } else if (isToBeAnswered(response)) {
        answerAfter(response, socket, clientError(error.code))
      } else if (isUnderAnswer(response)) {
        close(socket, lingerMs)
      } else {
        answer(socket, clientError(error.code))
      }
    },
    watch: ({ server }) => {
      server.on('request', (request, response) => last.set(request.socket, response))
      // CONNECT names no path. Without a listener Node closes its connection without an answer.
      server.on('connect', (_, socket) => {
        const error = methodNotAllowed(['GET', 'HEAD', 'POST'])
        const response = last.get(socket)
        if (isToBeAnswered(response)) answerAfter(response, socket, error)
        else answer(socket, error)
      })
    },
  }
}

/** Whether completely received calls still wait for their answers: those come first. */
function isToBeAnswered(response: ServerResponse | undefined): response is ServerResponse {
  return response?.req.complete === true && !response.writableFinished
}

/**
 * Whether the error belongs to a request that already has its answer: another answer would be
 * mistaken for the next one's.
 */
function isUnderAnswer(response: ServerResponse | undefined): boolean {
  if (response === undefined || !response.headersSent) return false
  return !(response.writableFinished && response.req.complete && response.shouldKeepAlive)
}

/**
 * Writes the text, and keeps reading for a while: a connection closed with unread bytes is reset,
 * and its sender may lose the answer.
 */
function close(socket: Duplex, lingerMs: number, text?: string): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  timer.unref()
  takeIn(socket)
  socket
    .once('end', () => socket.destroy())
    .once('close', () => clearTimeout(timer))
    .end(text)
}

/** Discards further input, because Node's parser would reject each block of it again. */
function takeIn(socket: Duplex): void {
  for (const event of ['data', 'end', 'error']) socket.removeAllListeners(event)
  socket.on('data', () => {}).once('error', () => socket.destroy())
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

function rawAnswer(error: HttpError, id: string): string {
  const { problem, headers } = problemAnswer(error)
  const body = JSON.stringify(problem)
  const lines = {
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
    'X-Request-Id': id,
    ...headers,
  }
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    ...Object.entries(lines).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n')
}
