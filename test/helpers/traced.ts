import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { createLogger } from '../../src/shared/base/logger.ts'
import { startTracing } from '../../src/shared/telemetry/service.ts'
import { type Collector, startCollector } from './collector.ts'

interface Scope {
  after(fn: () => Promise<void>): void
}

export interface Traced {
  readonly collector: Collector
  /** Sends what is left; nothing is traced any more. */
  stop(): Promise<void>
}

/** Traces what this process does, to a collector of the test's own. */
export async function traced(t: Scope): Promise<Traced> {
  const collector = await startCollector(t)
  const config = {
    endpoint: `${collector.url}/v1/traces`,
    ...({ sampler: 'always_on', ratio: 1 } as const),
  }
  const log = createLogger({ level: 'silent' })
  const options = { role: 'worker', version: '1.2.3', objects: ['Contact'], log } as const
  const stop = await startTracing(config, options)
  t.after(stop)
  return { collector, stop }
}

/** Runs the work within a span of its own. */
export function within<T>(name: string, work: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan(name, {}, ROOT_CONTEXT, async (span) => {
    const result = await work()
    span.end()
    return result
  })
}
