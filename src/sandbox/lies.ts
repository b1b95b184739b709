import type { Call } from './call.ts'
import { type CallAction, RESULT_FILES } from './fault-script.ts'
import { parseJsonOrUndefined } from './fields.ts'
import type { Reply } from './reply.ts'
import { labelled } from './spoilt.ts'

/** Answers that are well-formed and not so: the call was carried out, and something else is told. */

type Lie = Extract<CallAction, { do: 'lie' }>

const RESULTS: readonly string[] = RESULT_FILES

/** The call whose answer is given instead; undefined where the call's own is, but for its details. */
export function calledInstead(call: Call, { job, file }: Lie): Call | undefined {
  if (job === undefined && file === undefined) return undefined
  const operation = file ?? (RESULTS.includes(call.operation) ? call.operation : 'get')
  return { ...call, operation, route: { ...call.route, jobId: job ?? call.route.jobId } }
}

/** The answer with its details changed. */
export function untrue(reply: Reply, lie: Lie): Reply {
  return labelled(retold(reply, lie), lie)
}

function retold(reply: Reply, lie: Lie): Reply {
  switch (reply.kind) {
    case 'empty':
      return reply
    case 'text': {
      const told = parseJsonOrUndefined(Buffer.from(reply.text))
      return told === undefined ? reply : { ...reply, text: JSON.stringify(fieldsOf(told, lie)) }
    }
    case 'stream':
      return { ...reply, chunks: rowsOf(reply.chunks, lie) }
    default:
      throw new TypeError(`Unknown reply ${JSON.stringify(reply satisfies never)}`)
  }
}

function fieldsOf(told: Readonly<Record<string, unknown>>, { set = {}, omit = [] }: Lie): object {
  const fields = Object.entries({ ...told, ...set }).filter(([name]) => !omit.includes(name))
  return Object.fromEntries(fields)
}

const LF = 10

async function* rowsOf(
  chunks: AsyncIterable<Uint8Array>,
  { header, dropRows = 0, addRows = [] }: Lie,
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
