/** What a handler answers; the server writes it, or a fault script spoils it. */
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

export type Headers = Readonly<Record<string, string>>

const JSON_TYPE = 'application/json;charset=UTF-8'

export function json(status: number, body: unknown, headers: Headers = {}): Reply {
  return { kind: 'text', status, contentType: JSON_TYPE, text: JSON.stringify(body), headers }
}

/** Errors of the REST API come as an array of one. */
export function apiError(status: number, errorCode: string, message: string): Reply {
  return json(status, [{ errorCode, message }])
}

/** Thrown where a call cannot go on; carries the answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reply: Reply

  constructor(reply: Reply) {
    super(`Refused with status ${reply.status}`)
    this.reply = reply
  }
}

export function refuse(status: number, errorCode: string, message: string): never {
  throw new Refusal(apiError(status, errorCode, message))
}

export function notFound(): never {
  refuse(404, 'NOT_FOUND', 'The requested resource does not exist')
}
