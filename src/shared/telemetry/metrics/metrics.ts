import { collectDefaultMetrics, Registry } from 'prom-client'
import { BUILT_IN_OBJECTS } from '../../contract/objects.ts'
import { defineEvents } from './events.ts'
import { Instruments, type MetricsRole } from './instruments.ts'
import { defineReadings, type Observe } from './readings.ts'

/**
 * A method for each event; events.ts defines the metrics. A counter of requests or records rises
 * only once the ledger has the fact: the process that wrote it records it, so that a repeated step
 * is not counted twice.
 */
export interface Metrics extends Omit<ReturnType<typeof defineEvents>, 'started'> {
  readonly registry: Registry
  /** The definitions of all metrics. */
  readonly defined: readonly Instruments['defined'][number][]
  /** Sets all expected series to 0. All objects other than these count as one. */
  expect(expected: Parameters<Instruments['startAtZero']>[0]): void
  /** Sets the source that the metrics of readings.ts are read from at each scrape. */
  observe(read: Observe): void
}

interface MetricsOptions {
  readonly version: string
  /** Publishes only the metrics of this role. If absent, one process is both. */
  readonly role?: MetricsRole
}

export function createMetrics({ version, role }: MetricsOptions): Metrics {
  const registry = createRegistry()
  const objects = new Set(BUILT_IN_OBJECTS.map(({ name }) => name))
  const instruments = new Instruments(registry, role ?? null, objects)
  const { started, ...events } = defineEvents(instruments)
  started({ version })
  // Until there is a Redis connection.
  let current: Observe = async () => ({ redisUp: false })
  defineReadings(instruments, () => current())
  return {
    ...events,
    registry,
    defined: instruments.defined,
    expect: (expected) => {
      for (const object of expected.objects) objects.add(object)
      instruments.startAtZero(expected)
    },
    observe: (read) => {
      current = read
    },
  }
}

/** Gauges of prom-client whose names end in `_total`, which only counters may. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)

/** A registry with the default metrics of a Node process. */
function createRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return registry
}
