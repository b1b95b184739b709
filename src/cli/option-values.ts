import { InvalidArgumentError } from 'commander'

/** A count: 1 or more. */
function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('Expected a whole number from 1.')
  }
  return value
}

/** A share. */
function ratio(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('Expected a number from 0 to 1.')
  }
  return value
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new InvalidArgumentError('Expected a port from 0 to 65535.')
  }
  return port
}

function milliseconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected milliseconds.')
  return Number(text)
}

/** An interval, in milliseconds. */
function seconds(text: string): number {
  const value = Number(text)
  if (!/^[\d.]+$/.test(text) || !(value >= 0.1 && value <= 3600)) {
    throw new InvalidArgumentError('Expected seconds, 0.1 to 3600.')
  }
  return value * 1000
}

/** `a,b` */
function names(text: string): readonly string[] {
  const list = text.split(',').map((name) => name.trim())
  if (list.includes('')) throw new InvalidArgumentError('Expected names, separated by commas.')
  return list
}

/** `a`, or `a,b`; each use of the option adds to those before. */
function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...new Set([...before, ...names(text)])]
}

/** One text for each use of the option. */
function texts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

/** When a request is to end: at a moment, or this long after its submission. */
type Deadline =
  | { readonly kind: 'at'; readonly at: string }
  | { readonly kind: 'in'; readonly ms: number }

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const
const DURATION = /^(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?$/

/** `2h`, `1d12h`, `90m`, or ISO 8601; a time without a zone is local time. */
function deadline(text: string): Deadline {
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

/**
 * Parsers of the values of options, by what a value is. Each throws InvalidArgumentError saying what
 * is expected.
 */
export const VALUES = {
  count: wholeNumber,
  ratio,
  port: portNumber,
  milliseconds,
  seconds,
  names,
  repeated,
  texts,
  deadline,
} as const
