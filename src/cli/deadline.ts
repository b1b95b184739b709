import { InvalidArgumentError } from 'commander'

/** When a request is to end: at a moment, or so long after it is submitted. */
export type Deadline =
  | { readonly kind: 'at'; readonly at: string }
  | { readonly kind: 'in'; readonly ms: number }

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const
const DURATION = /^(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?$/

/** `2h`, `1d12h`, `90m`, or ISO 8601; a time without zone is this machine's. */
export function deadline(text: string): Deadline {
  const [, d = 0, h = 0, m = 0, s = 0] = DURATION.exec(text) ?? []
  const ms = Number(d) * UNITS.d + Number(h) * UNITS.h + Number(m) * UNITS.m + Number(s) * UNITS.s
  if (ms > 0) return { kind: 'in', ms }
  const at = MOMENT.test(text) ? new Date(text) : null
  if (at === null || Number.isNaN(at.getTime())) {
    throw new InvalidArgumentError(
      'Expected a duration as in 90m, 2h or 1d12h, or a time as in 2026-12-01T18:00:00Z.',
    )
  }
  return { kind: 'at', at: at.toISOString() }
}

/** The moment itself, in the form of a deletion request. */
export function momentOf(deadline: Deadline, now: number): string {
  switch (deadline.kind) {
    case 'at':
      return deadline.at
    case 'in':
      return new Date(now + deadline.ms).toISOString()
    default:
      throw new TypeError(`Unknown deadline ${JSON.stringify(deadline satisfies never)}`)
  }
}
