/**
 * The few forms of PromQL that the panels are made of.
 *
 * Facts that several producers read from Redis are the same number several times over, so those are
 * never summed before `max by` has made one of them. Counters and histograms belong to a process
 * each, and are.
 */

/** The variables of a dashboard, as label matchers. */
export const ORG = 'org=~"$org"'
export const ORG_OBJECT = 'org=~"$org", object=~"$object"'

const within = (metric: string, matchers: string): string =>
  matchers === '' ? metric : `${metric}{${matchers}}`

/** A fact from Redis, whoever tells it. */
export function shared(by: string, metric: string, matchers: string): string {
  return `max by (${by}) (${within(metric, matchers)})`
}

/** Events per second. */
export function rate(by: string, counter: string, matchers: string): string {
  return `sum by (${by}) (rate(${within(counter, matchers)}[$__rate_interval]))`
}

/** Events per second, with the class of the HTTP status, `2xx`, as label `class`. */
export function classed(counter: string, matchers: string): string {
  const perSecond = `rate(${within(counter, matchers)}[$__rate_interval])`
  return `label_replace(${perSecond}, "class", "\${1}xx", "status", "([0-9])..")`
}

/** Events in each step of a graph. */
export function increase(by: string, counter: string, matchers: string): string {
  return `sum by (${by}) (increase(${within(counter, matchers)}[$__rate_interval]))`
}

/**
 * Events in the whole range of the dashboard. `increase` does not see what a series begins with: one
 * that was not there before the range counts with its whole value, if its process began within it.
 * Else it was Prometheus that was not there, and all that was ever counted would seem new.
 */
export function total(by: string, counter: string, matchers: string): string {
  const series = within(counter, matchers)
  const isYoung = 'time() - process_start_time_seconds < $__range_s'
  return (
    `sum by (${by}) ((${series} unless ${series} offset $__range and on (job, instance) ${isYoung}) ` +
    `or increase(${series}[$__range]))`
  )
}

/** As a heatmap takes it: how many in each bucket of duration. */
export function buckets(histogram: string, matchers: string): string {
  return `sum by (le) (increase(${within(`${histogram}_bucket`, matchers)}[$__rate_interval]))`
}

/** The duration that this share of events stayed under; without `by` of all together. */
export function quantile(share: number, by: string, histogram: string, matchers: string): string {
  const labels = by === '' ? 'le' : `le, ${by}`
  return `histogram_quantile(${share}, sum by (${labels}) (rate(${within(`${histogram}_bucket`, matchers)}[$__rate_interval])))`
}

/** The same, without all that could have happened and has not. */
export function totalAboveZero(by: string, counter: string, matchers: string): string {
  return `${total(by, counter, matchers)} > 0`
}

/** A metric of Node or the process, of Expunge's own processes alone; `process` is a short name. */
export function ofProcesses(expr: string): string {
  return `label_replace(${expr} and on (job, instance) expunge_build_info, "process", "$1", "job", "(?:expunge-)?(.*)")`
}
