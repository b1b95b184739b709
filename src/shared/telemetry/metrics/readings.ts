import { Gauge, type Registry } from 'prom-client'
import { type MetricsRole, READ } from './definitions.ts'
import { registersFor } from './instruments.ts'

/** Gauges that are looked up at each scrape, all of them from one reading. */

type Readable = keyof typeof READ
type LabelOf<Key extends Readable> = (typeof READ)[Key]['labels'][number]

interface Sample<Label extends string = string> {
  readonly labels: Readonly<Record<Label, string>>
  readonly value: number
}

/** What was read. A gauge that is absent has no series until it is read again. */
export type GaugeReadings = { readonly [Key in Readable]?: readonly Sample<LabelOf<Key>>[] }

/** Called for each gauge of a scrape, so it is to answer all of them at once. It never rejects. */
export type ReadGauges = () => Promise<GaugeReadings>

/** Nobody has connected to Redis yet. */
const NOTHING: GaugeReadings = { redisUp: [{ labels: {}, value: 0 }] }

/** @returns says where to look from now on */
export function createReadings(
  registry: Registry,
  role: MetricsRole | null,
): (read: ReadGauges) => void {
  const registers = registersFor(registry, role)
  let current: ReadGauges = async () => NOTHING
  const observe = (key: Readable) => {
    const { name, help, labels } = READ[key]
    const gauge = new Gauge<string>({
      name,
      help,
      labelNames: [...labels],
      registers: registers(READ[key]),
      collect: async () => {
        const samples: readonly Sample[] = (await current())[key] ?? []
        gauge.reset()
        // A gauge without labels comes back as 0, which would be a value.
        if (labels.length === 0) gauge.remove()
        for (const sample of samples) gauge.set(sample.labels, sample.value)
      },
    })
  }
  for (const key of Object.keys(READ).filter(isReadable)) observe(key)
  return (read) => {
    current = read
  }
}

const isReadable = (key: string): key is Readable => Object.hasOwn(READ, key)
