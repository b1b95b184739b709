import type { RequestView } from '../../producer/producer.ts'
import { visible } from '../../shared/base/visible.ts'
import { type Preflight, watchOf } from '../../shared/contract/preflight.ts'
import { count } from './format.ts'

/**
 * Whether the records of a plan are in use, as a row of a table; null before the plan, and for
 * objects whose records have no state.
 */
export function activityRow({
  request: { object },
  plan,
  preflight,
}: Pick<RequestView, 'request' | 'plan' | 'preflight'>): readonly [string, string] | null {
  if (plan === null || plan.accepted === 0 || watchOf(object) === undefined) return null
  const words =
    preflight === null ? 'unknown: the org did not tell' : activityWords(preflight, plan.accepted)
  return ['Active', words]
}

/** `3 of 200 sampled records (SegmentStatus Active 3, Inactive 197; PublishStatus Publishing 1)` */
function activityWords({ sampled, active, byField }: Preflight, accepted: number): string {
  const fields = Object.entries(byField).map(([field, values]) => {
    const counts = Object.entries(values).sort(([, a], [, b]) => b - a)
    return `${field} ${counts.map(([value, n]) => `${visible(value)} ${count(n)}`).join(', ')}`
  })
  const isSample = sampled < accepted
  const of = isSample ? `${count(sampled)} sampled records` : `${count(sampled)} records`
  const known = fields.filter((text) => /\d$/.test(text)).join('; ')
  return `${count(active)} of ${of}${known === '' ? '' : ` (${known})`}`
}
