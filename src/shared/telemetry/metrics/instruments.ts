import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { type Expected, type Label, seriesOf } from './labels.ts'

/** The process that publishes a metric. */
export type MetricsRole = 'worker' | 'producer'

export type LabelWords = Readonly<Record<string, string | number>>

/** A metric's definition. `Words` follows from the labels: what each of them accepts. */
export interface MetricDefinition<Words extends LabelWords = LabelWords> {
  readonly name: string
  readonly help: string
  /** What it counts or measures, as in docs/metrics.md. */
  readonly unit: string
  /** In the order of docs/metrics.md. */
  readonly labels: { readonly [Name in keyof Words]: Label<Words[Name]> }
  /** Default: `worker`. */
  readonly by?: readonly MetricsRole[]
}

/** Records an event: a word for each label, and a number if it is not 1. */
export type Recorder<Facts> = (facts: Facts) => void
type Numbered<Words, Fact extends string> = Recorder<Words & Readonly<Record<Fact, number>>>

/** `amount` names the argument to add; if absent, 1 is added. */
type Adding<Words extends LabelWords, Fact extends string> = MetricDefinition<Words> & {
  readonly amount?: Fact
}

/** A metric whose instrument exists. */
interface DefinedMetric extends MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly by: readonly MetricsRole[]
  /** Whether it is read at each scrape instead of counted. */
  readonly isRead: boolean
}

export interface Sample<Words extends LabelWords = LabelWords> {
  readonly labels: Words
  readonly value: number
}

/** Creates the instrument of each definition and returns the function that records an event. */
export class Instruments {
  readonly defined: DefinedMetric[] = []
  readonly #zeros: ((expected: Expected) => void)[] = []
  readonly #registry: Registry
  readonly #role: MetricsRole | null
  readonly #objects: ReadonlySet<string>

  /**
   * @param role the process that publishes the metrics; null if one process is both. Metrics of the
   *   other role can be recorded, but are not published.
   *
   * @param objects names that may be shown; may grow
   */
  constructor(registry: Registry, role: MetricsRole | null, objects: ReadonlySet<string>) {
    this.#registry = registry
    this.#role = role
    this.#objects = objects
  }

  counter<Words extends LabelWords, Fact extends string = never>(
    definition: Adding<Words, Fact>,
  ): Numbered<Words, Fact> {
    return this.#adding(new Counter(this.#options('counter', definition)), definition)
  }

  gauge<Words extends LabelWords, Fact extends string = never>(
    definition: Adding<Words, Fact>,
  ): Numbered<Words, Fact> {
    return this.#adding(new Gauge(this.#options('gauge', definition)), definition)
  }

  /** A histogram of seconds. */
  histogram<Words extends LabelWords>(
    definition: MetricDefinition<Words> & { readonly buckets: readonly number[] },
  ): Numbered<Words, 'seconds'> {
    const buckets = [...definition.buckets]
    const histogram = new Histogram({ ...this.#options('histogram', definition), buckets })
    this.#zero(definition, (series) => histogram.zero(series))
    const toSeries = this.#toSeries(definition)
    // With the clocks of two machines, an end may lie before its start.
    return (facts) => histogram.observe(toSeries(facts), Math.max(0, facts.seconds))
  }

  /** A gauge whose values are read at each scrape. */
  reading<Words extends LabelWords>(
    definition: MetricDefinition<Words>,
    read: () => Promise<readonly Sample<NoInfer<Words>>[]>,
  ): void {
    const gauge: Gauge = new Gauge({
      ...this.#options('gauge', definition, true),
      collect: async () => {
        const samples = await read()
        gauge.reset()
        // After a reset, a gauge without labels has the value 0.
        if (Object.keys(definition.labels).length === 0) gauge.remove()
        for (const { labels, value } of samples) gauge.set(labels, value)
      },
    })
  }

  /** Sets every expected series to 0, so that rates include the first event. */
  startAtZero(expected: Expected): void {
    for (const zero of this.#zeros) zero(expected)
  }

  #options(type: DefinedMetric['type'], definition: MetricDefinition, isRead = false) {
    const { name, help, labels, by = ['worker'] } = definition
    this.defined.push({ ...definition, type, by, isRead })
    const isOurs = this.#role === null || by.includes(this.#role)
    return {
      name,
      help,
      labelNames: Object.keys(labels),
      registers: isOurs ? [this.#registry] : [],
    }
  }

  #adding<Words extends LabelWords, Fact extends string>(
    instrument: Counter | Gauge,
    definition: Adding<Words, Fact>,
  ): Numbered<Words, Fact> {
    const { amount } = definition
    this.#zero(definition, (series) => instrument.inc(series, 0))
    const toSeries = this.#toSeries(definition)
    return (facts) => instrument.inc(toSeries(facts), amount === undefined ? 1 : facts[amount])
  }

  #zero({ labels }: MetricDefinition, zero: (series: LabelWords) => void): void {
    this.#zeros.push((expected) => {
      for (const series of seriesOf(labels, expected)) zero(series)
    })
  }

  /** Turns the words that the code passes into label values. */
  #toSeries<Words extends LabelWords>({ labels }: MetricDefinition<Words>) {
    const all: [string, Label][] = Object.entries(labels)
    return (words: Words): LabelWords => {
      const series: Record<string, string | number> = {}
      for (const [name, label] of all) series[name] = label.show(words[name] ?? '', this.#objects)
      return series
    }
  }
}
