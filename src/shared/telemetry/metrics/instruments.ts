import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import {
  COUNTED,
  type CounterDefinition,
  type GaugeDefinition,
  type HistogramDefinition,
  type MetricsRole,
} from './definitions.ts'

/** What counts: one instrument for each definition. */
export type Instruments = ReturnType<typeof createInstruments>

/** Gauges of the client that call themselves totals, which only counters are. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)

/** A registry with what is known of every process. */
export function createRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return registry
}

/**
 * @param role whose page it is; null where one process is both. What is not of this role can be
 *   counted all the same, and is on no page.
 */
export function createInstruments(registry: Registry, role: MetricsRole | null) {
  const registers = registersFor(registry, role)
  const counter = <Label extends string>(definition: CounterDefinition<Label>) => {
    const { name, help, labels } = definition
    return new Counter({ name, help, labelNames: [...labels], registers: registers(definition) })
  }
  const gauge = <Label extends string>(definition: GaugeDefinition<Label>) => {
    const { name, help, labels } = definition
    return new Gauge({ name, help, labelNames: [...labels], registers: registers(definition) })
  }
  const histogram = <Label extends string>(definition: HistogramDefinition<Label>) => {
    const { name, help, labels, buckets } = definition
    const own = { buckets: [...buckets], registers: registers(definition) }
    return new Histogram({ name, help, labelNames: [...labels], ...own })
  }
  return {
    requestsEnded: counter(COUNTED.requestsEnded),
    requestSeconds: histogram(COUNTED.requestSeconds),
    idsRead: counter(COUNTED.idsRead),
    records: counter(COUNTED.records),
    failures: counter(COUNTED.failures),
    ingestJobs: counter(COUNTED.ingestJobs),
    stalled: gauge(COUNTED.stalled),
    phaseSeconds: histogram(COUNTED.phaseSeconds),
    uploadedBytes: counter(COUNTED.uploadedBytes),
    retries: counter(COUNTED.retries),
    calls: counter(COUNTED.calls),
    callSeconds: histogram(COUNTED.callSeconds),
    recovered: counter(COUNTED.recovered),
    locksLost: counter(COUNTED.locksLost),
    callbacks: counter(COUNTED.callbacks),
    httpRequests: counter(COUNTED.httpRequests),
    httpSeconds: histogram(COUNTED.httpSeconds),
    buildInfo: gauge(COUNTED.buildInfo),
  } satisfies Record<keyof typeof COUNTED, unknown>
}

/** Where an instrument of this definition is to be seen. */
export function registersFor(
  registry: Registry,
  role: MetricsRole | null,
): (definition: { readonly by: readonly MetricsRole[] }) => Registry[] {
  return ({ by }) => (role === null || by.includes(role) ? [registry] : [])
}
