import { type Span, SpanStatusCode } from '@opentelemetry/api'

/** By its code alone: a message may quote what somebody else's server said. */
export function fail(span: Span, code?: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR })
  if (code !== undefined) span.setAttribute('error.type', code)
}
