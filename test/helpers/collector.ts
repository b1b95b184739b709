import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { type Message, readMessage } from './protobuf.ts'

/** A collector of OpenTelemetry: takes traces as OTLP over HTTP, in protobuf, and keeps them. */
export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string
  /** Every span that has arrived, in order. */
  readonly spans: readonly ReceivedSpan[]
  /** The bodies as they came. */
  readonly bodies: readonly Buffer[]
  /** Paths and headers of the calls. */
  readonly calls: readonly { readonly path: string; readonly headers: NodeJS.Dict<unknown> }[]
}

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for the first of a trace. */
  readonly parentId: string
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly attributes: Readonly<Record<string, string | number>>
  readonly events: number
  readonly isError: boolean
  /** What sent it. */
  readonly resource: Readonly<Record<string, string | number>>
}

interface Scope {
  after(fn: () => Promise<void>): void
}

/** @param status what it answers */
export async function startCollector(t: Scope, status = 200): Promise<Collector> {
  const spans: ReceivedSpan[] = []
  const bodies: Buffer[] = []
  const calls: { path: string; headers: NodeJS.Dict<unknown> }[] = []
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    calls.push({ path: request.url ?? '', headers: request.headers })
    bodies.push(body)
    spans.push(...spansOf(readMessage(body)))
    response.writeHead(status, { 'Content-Type': 'application/x-protobuf' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Expected a TCP port')
  return { url: `http://127.0.0.1:${address.port}`, spans, bodies, calls }
}

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const

/** The numbers are those of OpenTelemetry's `trace.proto`. */
function spansOf(request: Message): ReceivedSpan[] {
  return request.messages(1).flatMap((resourceSpans) => {
    const resource = attributesOf(resourceSpans.messages(1)[0]?.messages(1) ?? [])
    const scopes = resourceSpans.messages(2)
    return scopes.flatMap((scope) => scope.messages(2)).map((span) => spanOf(span, resource))
  })
}

function spanOf(span: Message, resource: ReceivedSpan['resource']): ReceivedSpan {
  return {
    traceId: span.hex(1),
    spanId: span.hex(2),
    parentId: span.hex(4),
    name: span.text(5),
    kind: KINDS[span.number(6)] ?? 'internal',
    attributes: attributesOf(span.messages(9)),
    events: span.messages(11).length,
    isError: span.messages(15)[0]?.number(3) === 2,
    resource,
  }
}

function attributesOf(pairs: readonly Message[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const value = pair.messages(2)[0]
      return [pair.text(1), value?.text(1) || (value?.number(3) ?? 0)]
    }),
  )
}
