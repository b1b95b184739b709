import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/** A handler's answer. The server writes it; a fault script may change it first. */
export type Reply =
  | { readonly kind: 'empty'; readonly status: number; readonly headers?: Headers }
  | {
      readonly kind: 'text'
      readonly status: number
      readonly contentType: string
      readonly text: string
      readonly headers?: Headers
    }
  | {
      readonly kind: 'stream'
      readonly status: number
      readonly contentType: string
      readonly chunks: AsyncIterable<Uint8Array>
      readonly headers?: Headers
    }

type Headers = Readonly<Record<string, string>>

const JSON_TYPE = 'application/json;charset=UTF-8'

export function json(status: number, body: unknown, headers: Headers = {}): Reply {
  return { kind: 'text', status, contentType: JSON_TYPE, text: JSON.stringify(body), headers }
}

/** Errors of the REST API come as an array with one element. */
export function apiError(status: number, errorCode: string, message: string): Reply {
  return json(status, [{ errorCode, message }])
}

/** Thrown to end a call with this answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reply: Reply

  constructor(reply: Reply) {
    super(`Refused with status ${reply.status}`)
    this.reply = reply
  }
}

/** The reply, or that of a refusal. */
export async function answered(reply: Promise<Reply> | Reply): Promise<Reply> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof Refusal) return error.reply
    throw error
  }
}

export function refuse(status: number, errorCode: string, message: string): never {
  throw new Refusal(apiError(status, errorCode, message))
}

export function notFound(): never {
  refuse(404, 'NOT_FOUND', 'The requested resource does not exist')
}

interface RespondOptions {
  /** The client accepts gzip and the sandbox is set to send it. */
  readonly gzip: boolean
  /** Breaks the connection after this many bytes of the body. */
  readonly cutAfter?: number | undefined
}

/** Writes an answer, with back-pressure if it is a stream. */
export async function respond(
  response: ServerResponse,
  reply: Reply,
  options: RespondOptions,
): Promise<void> {
  if (reply.kind !== 'empty') response.setHeader('Content-Type', reply.contentType)
  // Set afterwards, because a fault script may set another content type.
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value)
  response.statusCode = reply.status
  if (reply.kind === 'empty') {
    response.setHeader('Content-Length', 0)
    if (reply.status === 204) response.removeHeader('Content-Length')
    response.end()
    return
  }
  if (reply.kind === 'text') response.setHeader('Content-Length', Buffer.byteLength(reply.text))
  const chunks = reply.kind === 'text' ? [Buffer.from(reply.text)] : reply.chunks
  if (options.cutAfter !== undefined) {
    await respondCut(response, chunks, options.cutAfter)
  } else if (reply.kind === 'text') {
    response.end(reply.text)
  } else if (options.gzip) {
    response.setHeader('Content-Encoding', 'gzip')
    await pipeline(chunks, createGzip({ level: 1 }), response)
  } else {
    await pipeline(chunks, response)
  }
}

/** Sends the first bytes of a body, waits until they are sent, and disconnects. */
async function respondCut(
  response: ServerResponse,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  cutAfter: number,
): Promise<void> {
  let left = cutAfter
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, left)
    left -= part.length
    if (!response.write(part)) await Promise.race([once(response, 'drain'), closed(response)])
    if (left <= 0 || response.destroyed) break
  }
  response.write('', () => response.socket?.destroy())
  await closed(response)
}

/** Resolves when the client has disconnected or the answer is complete. */
export async function closed(response: ServerResponse): Promise<void> {
  if (!response.closed) await once(response, 'close')
}
