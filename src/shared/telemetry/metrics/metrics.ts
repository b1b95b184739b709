import { collectDefaultMetrics, Registry } from 'prom-client'
import { BUILT_IN_OBJECTS } from '../../contract/objects.ts'
import { defineEvents } from './events.ts'
import { Instruments, type MetricsRole } from './instruments.ts'
import { defineReadings, type Observe } from './readings.ts'

/**
 * A method for each event; events.ts defines what it counts. A counter of requests or records rises
 * only once the ledger has the fact: whoever wrote it there records it, so that a repeated step is
 * not counted twice.
 */
export interface Metrics extends Omit<ReturnType<typeof defineEvents>, 'started'> {
  readonly registry: Registry
  /** Of all metrics. */
  readonly defined: readonly Instruments['defined'][number][]
  /** Gives everything that is to be expected its 0. Objects other than these are all counted as one. */
  expect(expected: Parameters<Instruments['startAtZero']>[0]): void
  /** Sets where the metrics of readings.ts are read from at each scrape. */
  observe(read: Observe): void
}

interface MetricsOptions {
  readonly version: string
  /** Leaves off the page what is the other's to tell. Absent: one process is both. */
  readonly role?: MetricsRole
}

export function createMetrics({ version, role }: MetricsOptions): Metrics {
  const registry = createRegistry()
  const objects = new Set(BUILT_IN_OBJECTS.map(({ name }) => name))
  const instruments = new Instruments(registry, role ?? null, objects)
  const { started, ...events } = defineEvents(instruments)
  started({ version })
  // Nobody has connected to Redis yet.
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

/** Gauges of the client that call themselves totals, which only counters are. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)

/** A registry with what is known of every process. */
function createRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return registry
}
