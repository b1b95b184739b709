import { collectDefaultMetrics, Registry } from 'prom-client'
import { createMetrics } from '../../src/shared/telemetry/metrics/metrics.ts'

/** What dashboards and rules may name: the published metrics, and those that come along. */

interface Known {
  readonly labels: readonly string[]
  /** Several producers tell the same fact: it must not be added up. */
  readonly isShared: boolean
}

/** Labels that Prometheus itself gives to what it scrapes. */
const OF_TARGETS = ['job', 'instance']

const OURS = createMetrics({ version: '' }).defined

/** Names of the published metrics. */
export const PUBLISHED: readonly string[] = OURS.map(({ name }) => name)

const KNOWN: ReadonlyMap<string, Known> = new Map([
  ...OURS.flatMap(
    ({ name, type, isRead: isShared, ...own }): readonly (readonly [string, Known])[] => {
      const labels = [...Object.keys(own.labels), ...OF_TARGETS]
      if (type !== 'histogram') return [[name, { labels, isShared }]]
      return [
        [`${name}_bucket`, { labels: [...labels, 'le'], isShared }],
        [`${name}_sum`, { labels, isShared }],
        [`${name}_count`, { labels, isShared }],
      ]
    },
  ),
  ...defaultNames().map((name) => [name, { labels: OF_TARGETS, isShared: false }] as const),
  ['up', { labels: OF_TARGETS, isShared: false }],
  ['ALERTS', { labels: [...OF_TARGETS, 'alertname', 'alertstate'], isShared: false }],
  ['ALERTS_FOR_STATE', { labels: [...OF_TARGETS, 'alertname'], isShared: false }],
])

function defaultNames(): readonly string[] {
  const register = new Registry()
  collectDefaultMetrics({ register })
  return register.getMetricsAsArray().map(({ name }) => name)
}

/** The published metrics that an expression names. */
export function publishedIn(expr: string): readonly string[] {
  const names = [...namesIn(expr)].map((name) => name.replace(/_(?:bucket|sum|count)$/, ''))
  return PUBLISHED.filter((name) => names.includes(name))
}

function namesIn(expr: string): ReadonlySet<string> {
  const bare = expr.replaceAll(/"[^"]*"/g, '""')
  return new Set(
    bare.match(/\b(?:(?:expunge|process|nodejs)_\w+|up|ALERTS(?:_FOR_STATE)?)\b(?!\s*[(:])/g),
  )
}

/**
 * What an expression names that nobody tells: metrics, labels in their matchers, recorded names.
 *
 * @param recorded names of recording rules
 */
export function unknownIn(expr: string, recorded: readonly string[]): readonly string[] {
  const rules = (expr.match(/\b\w+(?::\w+)+\b/g) ?? []).filter((name) => !recorded.includes(name))
  const withoutRules = expr.replaceAll(/\b\w+(?::\w+)+\b/g, 'recorded')
  const names = [...namesIn(withoutRules)].filter((name) => !KNOWN.has(name))
  const labels = [...withoutRules.matchAll(/\b(\w+)\{([^}]*)\}/g)].flatMap(
    ([, name = '', matchers = '']) =>
      [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)]
        .map(([, label = '']) => label)
        .filter((label) => KNOWN.get(name)?.labels.includes(label) === false)
        .map((label) => `${name}{${label}}`),
  )
  return [...rules, ...names, ...labels]
}

/** Shared facts in an expression that are neither `max` nor `min` of what the producers say. */
export function addedUpIn(expr: string): readonly string[] {
  return [...expr.matchAll(/(?<![\w:])expunge_\w+/g)]
    .filter(({ 0: name }) => KNOWN.get(name)?.isShared)
    .filter(
      ({ index }) =>
        !/\b(?:max|min)(?: by \([^)]*\))? ?\((?:-?deriv\()?$/.test(expr.slice(0, index)),
    )
    .filter(({ index }) => !/\babsent\($/.test(expr.slice(0, index)))
    .map(({ 0: name }) => name)
}
