import { type DataFrame, FieldType, toDataFrame } from '@grafana/data'
import type { Panel, Target, View } from './dashboard.ts'

/** Asks Prometheus as Grafana's datasource does, and makes data frames of the answers. */

interface Series {
  readonly metric: Record<string, string>
  readonly value?: [number, string]
  readonly values?: [number, string][]
}

/** Scraping is faster here than in production, and so are the steps that a panel asks for. */
const PRODUCTION_SCRAPE = 15

export async function framesOf(panel: Panel, view: View, width: number): Promise<DataFrame[]> {
  const step = stepOf(panel, view, width)
  const answers = await Promise.all(
    (panel.targets ?? []).map((target) => framesOfTarget(target, view, step)),
  )
  return answers.flat()
}

function stepOf({ interval = '0s' }: Panel, { from, to, scrape }: View, width: number): number {
  const shortest = (secondsOf(interval) * scrape) / PRODUCTION_SCRAPE
  return Math.ceil(Math.max(scrape, shortest, (to - from) / 1000 / width))
}

function secondsOf(interval: string): number {
  const unit = { s: 1, m: 60, h: 3600 }[interval.at(-1) ?? ''] ?? 0
  return Number.parseFloat(interval) * unit
}

async function framesOfTarget(target: Target, view: View, step: number): Promise<DataFrame[]> {
  const series = await ask(target, view, step)
  if (target.format === 'table') return [tableOf(series)]
  return series.map((one) => {
    const name = nameOf(target, one.metric)
    return toDataFrame({
      name,
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: timesOf(one, view, step) },
        {
          name,
          type: FieldType.number,
          labels: one.metric,
          values: valuesOf(one, view, step),
          config: { displayName: name },
        },
      ],
    })
  })
}

async function ask(target: Target, view: View, step: number): Promise<Series[]> {
  const query = filledIn(target.expr, view, step)
  const end = view.to / 1000
  const [path, fields] = target.instant
    ? ['query', { query, time: `${end}` }]
    : ['query_range', { query, start: `${startOf(view, step)}`, end: `${end}`, step: `${step}` }]
  const body = new URLSearchParams(fields)
  const response = await fetch(`prometheus/api/v1/${path}`, { method: 'POST', body })
  const answer = await response.json()
  if (answer.status !== 'success') throw new Error(`${answer.error} in ${query}`)
  return answer.data.result
}

/** The variables that Grafana fills in; of the dashboard's own, everything. */
function filledIn(expr: string, { from, to, scrape }: View, step: number): string {
  const range = Math.round((to - from) / 1000)
  return expr
    .replaceAll('$__rate_interval', `${Math.max(step + scrape, 4 * scrape)}s`)
    .replaceAll('$__range_s', `${range}`)
    .replaceAll('$__range', `${range}s`)
    .replaceAll('$__interval', `${step}s`)
    .replaceAll(/\$(?:org|object)\b/g, '.+')
}

function nameOf({ legendFormat = '' }: Target, metric: Record<string, string>): string {
  return legendFormat.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '')
}

const startOf = ({ from }: View, step: number): number => Math.floor(from / 1000 / step) * step

function timesOf({ value }: Series, view: View, step: number): number[] {
  if (value !== undefined) return [value[0] * 1000]
  const start = startOf(view, step)
  const count = Math.floor((view.to / 1000 - start) / step) + 1
  return Array.from({ length: count }, (_, at) => (start + at * step) * 1000)
}

/** A value for each time; null where Prometheus has none. */
function valuesOf(series: Series, view: View, step: number): (number | null)[] {
  if (series.value !== undefined) return [Number(series.value[1])]
  const known = new Map(series.values?.map(([time, value]) => [Math.round(time), Number(value)]))
  return timesOf(series, view, step).map((time) => {
    const value = known.get(Math.round(time / 1000))
    return value === undefined || Number.isNaN(value) ? null : value
  })
}

/** A column for each label, and the value. */
function tableOf(series: readonly Series[]): DataFrame {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))]
    .filter((label) => label !== '__name__')
    .sort()
  return toDataFrame({
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        values: series.map(({ value }) => (value?.[0] ?? 0) * 1000),
      },
      ...labels.map((name) => ({
        name,
        type: FieldType.string,
        values: series.map(({ metric }) => metric[name] ?? ''),
      })),
      {
        name: 'Value',
        type: FieldType.number,
        values: series.map(({ value }) => Number(value?.[1])),
      },
    ],
  })
}
