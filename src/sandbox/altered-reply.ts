import type { Call } from './call.ts'
import { type ActionOf, RESULT_FILES } from './fault-script.ts'
import { parseJsonOrUndefined } from './parse.ts'
import { apiError, json, type Reply } from './reply.ts'

/** A scripted answer instead of the call's own. */
export function scripted(action: ActionOf<'answer'>): Reply {
  return labelled(scriptedBody(action), action)
}

/** The parts of an answer without its body. */
interface Label {
  readonly status?: number | undefined
  readonly contentType?: string | undefined
  readonly headers?: Reply['headers']
}

/** The same body with another status, content type and additional headers. */
function labelled(reply: Reply, { status, contentType, headers }: Label): Reply {
  const all = { ...reply.headers, ...(contentType && { 'Content-Type': contentType }), ...headers }
  return { ...reply, status: status ?? reply.status, headers: all }
}

function scriptedBody(action: ActionOf<'answer'>): Reply {
  const { status, body = 'json', errorCode = 'UNKNOWN_EXCEPTION' } = action
  const message = action.message ?? 'An unexpected error occurred'
  if (action.text !== undefined) {
    return { kind: 'text', status, contentType: 'text/plain', text: action.text }
  }
  switch (body) {
    case 'json':
      return apiError(status, errorCode, message)
    case 'oauth':
      return json(status, { error: errorCode, error_description: message })
    case 'empty':
      return { kind: 'empty', status }
    case 'html': {
      const text = `<html><body><h1>Error ${status}</h1><pre>reason: ${message}</pre></body></html>`
      return { kind: 'text', status, contentType: 'text/html;charset=UTF-8', text }
    }
    default:
      throw new TypeError(`Unknown body ${JSON.stringify(body satisfies never)}`)
  }
}

/** Ends the answer early, as if it were complete. */
export function shortened(reply: Reply, action: ActionOf<'truncate'>): Reply {
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

/** Waits after this many bytes were sent, then sends the rest. */
export function paused(reply: Reply, bytes: number, wait: () => Promise<unknown>): Reply {
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
  { afterRows, afterBytes = 0 }: ActionOf<'truncate'>,
): AsyncGenerator<Uint8Array> {
  // The header is a line too.
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

/**
 * The call whose answer is given instead; undefined if the call's own answer is used, apart from
 * details.
 */
export function calledInstead(call: Call, { job, file }: ActionOf<'lie'>): Call | undefined {
  if (job === undefined && file === undefined) return undefined
  const operation = file ?? RESULT_FILES.find((own) => own === call.operation) ?? 'get'
  return { ...call, operation, route: { ...call.route, jobId: job ?? call.route.jobId } }
}

/** The answer with false details. */
export function falsified(reply: Reply, action: ActionOf<'lie'>): Reply {
  return labelled(withFalseBody(reply, action), action)
}

function withFalseBody(reply: Reply, action: ActionOf<'lie'>): Reply {
  switch (reply.kind) {
    case 'empty':
      return reply
    case 'text': {
      const fields = parseJsonOrUndefined(Buffer.from(reply.text))
      if (fields === undefined) return reply
      return { ...reply, text: JSON.stringify(falseFields(fields, action)) }
    }
    case 'stream':
      return { ...reply, chunks: falseRows(reply.chunks, action) }
    default:
      throw new TypeError(`Unknown reply ${JSON.stringify(reply satisfies never)}`)
  }
}

function falseFields(
  fields: Readonly<Record<string, unknown>>,
  { set = {}, omit = [] }: ActionOf<'lie'>,
): object {
  return Object.fromEntries(
    Object.entries({ ...fields, ...set }).filter(([name]) => !omit.includes(name)),
  )
}

async function* falseRows(
  chunks: AsyncIterable<Uint8Array>,
  { header, dropRows = 0, addRows = [] }: ActionOf<'lie'>,
): AsyncGenerator<Uint8Array> {
  if (header !== undefined) yield Buffer.from(`${header}\n`)
  let isInHeader = true
  let drop = dropRows
  for await (const chunk of chunks) {
    let from = 0
    while ((isInHeader || drop > 0) && from < chunk.length) {
      const end = chunk.indexOf(LF, from)
      const next = end < 0 ? chunk.length : end + 1
      if (isInHeader && header === undefined) yield chunk.subarray(from, next)
      from = next
      if (end < 0) break
      if (isInHeader) isInHeader = false
      else drop--
    }
    yield chunk.subarray(from)
  }
  for (const row of addRows) yield Buffer.from(`${row}\n`)
}
