import type { CallAction } from './fault-script.ts'
import { apiError, type Reply } from './reply.ts'

/** Answers whose body is not sent as it should be. */

type Action<Do extends CallAction['do']> = Extract<CallAction, { do: Do }>

/** Another answer than the call deserves. */
export function scripted(action: Action<'answer'>): Reply {
  const reply = scriptedBody(action)
  return { ...reply, headers: { ...reply.headers, ...action.headers } }
}

function scriptedBody(action: Action<'answer'>): Reply {
  const { status, body = 'json', errorCode = 'UNKNOWN_EXCEPTION' } = action
  const message = action.message ?? 'An unexpected error occurred'
  if (action.text !== undefined) {
    const contentType = action.contentType ?? 'text/plain'
    return { kind: 'text', status, contentType, text: action.text }
  }
  if (body === 'json') return apiError(status, errorCode, message)
  if (body === 'empty') return { kind: 'empty', status }
  const text = `<html><body><h1>Error ${status}</h1><pre>reason: ${message}</pre></body></html>`
  return { kind: 'text', status, contentType: 'text/html;charset=UTF-8', text }
}

/** Ends before its end, as if that were all. */
export function shortened(reply: Reply, action: Action<'truncate'>): Reply {
  switch (reply.kind) {
    case 'empty':
      return reply
    case 'text':
      return { ...reply, text: reply.text.slice(0, action.afterBytes ?? 0) }
    case 'stream':
      return { ...reply, chunks: beginning(reply.chunks, action) }
    default:
      throw new TypeError(`Unknown reply ${JSON.stringify(reply satisfies never)}`)
  }
}

/** Waits once so many bytes are sent, then sends the rest. */
export function pausing(reply: Reply, bytes: number, wait: () => Promise<unknown>): Reply {
  switch (reply.kind) {
    case 'empty':
      return reply
    case 'text':
    case 'stream': {
      const { status, contentType, headers = {} } = reply
      const chunks = reply.kind === 'text' ? [Buffer.from(reply.text)] : reply.chunks
      return {
        ...{ kind: 'stream', status, contentType, headers },
        chunks: withPause(chunks, bytes, wait),
      }
    }
    default:
      throw new TypeError(`Unknown reply ${JSON.stringify(reply satisfies never)}`)
  }
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

const LF = 10

async function* beginning(
  chunks: Chunks,
  { afterRows, afterBytes = 0 }: Action<'truncate'>,
): AsyncGenerator<Uint8Array> {
  // The header is a line, too.
  let lines = afterRows === undefined ? 0 : afterRows + 1
  let bytes = afterBytes
  for await (const chunk of chunks) {
    let end = 0
    for (; lines > 0 && end < chunk.length; end++) if (chunk[end] === LF) lines--
    const more = Math.min(bytes, chunk.length - end)
    bytes -= more
    yield chunk.subarray(0, end + more)
    if (lines === 0 && bytes === 0) return
  }
}

async function* withPause(
  chunks: Chunks,
  bytes: number,
  wait: () => Promise<unknown>,
): AsyncGenerator<Uint8Array> {
  let left = bytes
  for await (const chunk of chunks) {
    const due = left > 0 && left <= chunk.length
    if (due) {
      yield chunk.subarray(0, left)
      await wait()
    }
    yield due ? chunk.subarray(left) : chunk
    left -= chunk.length
  }
}
