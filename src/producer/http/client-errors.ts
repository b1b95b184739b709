import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { HttpError, methodNotAllowed } from './http-error.ts'
import { PROBLEM_TYPE, problemAnswer } from './problem.ts'
import type { Service } from './service.ts'

/** Answers what Node refuses before there is a request, on the bare connection. */
interface ClientErrors {
  /** For Fastify, which would answer in words of its own. */
  readonly refuse: (error: Error & { code?: string }, socket: Duplex) => void
  /** Listens for what is refused by no error. */
  watch(app: FastifyInstance): void
}

export function createClientErrors({
  timeouts: { lingerMs },
  log,
}: Pick<Service, 'timeouts' | 'log'>): ClientErrors {
  const last = new WeakMap<Duplex, ServerResponse>()
  const answer = (socket: Duplex, error: HttpError) => {
    const id = randomUUID()
    log.info({ httpRequestId: id, code: error.code }, 'Answered what was no call.')
    close(socket, lingerMs, rawAnswer(error, id))
  }
  /** Nothing more is said where the connection ends with the answer: what follows is for nobody. */
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
      // Names no path. Node ends its connection without an answer where nobody gives one.
      server.on('connect', (_, socket) => {
        const error = methodNotAllowed(['GET', 'HEAD', 'POST'])
        const response = last.get(socket)
        if (isToBeAnswered(response)) answerAfter(response, socket, error)
        else answer(socket, error)
      })
    },
  }
}

/** Whether calls that came whole wait for their answers still: theirs come first. */
function isToBeAnswered(response: ServerResponse | undefined): response is ServerResponse {
  return response?.req.complete === true && !response.writableFinished
}

/** Whether what is wrong belongs to a request that has its answer: another would be taken for the next one's. */
function isUnderAnswer(response: ServerResponse | undefined): boolean {
  if (response === undefined || !response.headersSent) return false
  return !(response.writableFinished && response.req.complete && response.shouldKeepAlive)
}

/**
 * Writes the text, and takes in for a while what still comes: a connection that is closed with bytes unread is
 * reset, and its sender may lose the answer.
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

/** What comes now is for nobody: Node's parser would refuse each block of it again. */
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
