import type { DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard'

/** One colour for each meaning, on every dashboard. What is not named here is a name, not a verdict. */
const MEANING: Readonly<Record<string, readonly string[]>> = {
  green: ['deleted', 'completed', 'accepted', 'JobComplete', 'delivered', '2xx', 'active', 'full'],
  blue: ['already_gone', 'planned', 'planning', 'duplicate', '3xx', 'bulk', 'normal', 'waited'],
  'light-blue': ['queued', 'waiting', 'low'],
  'super-light-blue': ['delayed'],
  purple: ['deleting', 'urgent', 'high', 'timeout', 'Vanished'],
  yellow: ['awaiting-approval', 'unavailable', 'refused', 'Aborted', '4..', 'low waits'],
  orange: [
    'incomplete',
    'unprocessed',
    'invalid',
    'Abandoned',
    'refused-address',
    '429',
    'normal waits',
  ],
  red: ['failed', 'Failed', 'rejected', '5..', 'high waits'],
  'dark-red': ['network'],
  '#8e8e9b': ['cancelled', 'aborted', 'excluded', 'Other'],
}

/** Durations by percentile: the higher, the warmer. */
const PERCENTILES = { p50: 'green', p95: 'yellow', p99: 'orange' }

const COLOURS: readonly (readonly [name: string, colour: string])[] = [
  ...Object.entries(MEANING).flatMap(([colour, names]) =>
    names.map((name) => [name, colour] as const),
  ),
  ...Object.entries(PERCENTILES),
]

export interface Colouring {
  /** Of the series whose name ends so: `/(^| )failed( limit)?$/`. */
  readonly pattern: string
  readonly property: DynamicConfigValue
}

/** The colours of these last words of names, as overrides; a dot stands for any character. */
export function colouring(words: readonly string[]): readonly Colouring[] {
  return words.map((word) => {
    const [, fixedColor] = COLOURS.find(([name]) => name === word) ?? []
    if (fixedColor === undefined) throw new Error(`There is no colour for ${word}`)
    return {
      pattern: `/(^| )${word}( limit)?$/`,
      property: { id: 'color', value: { mode: 'fixed', fixedColor } },
    }
  })
}

export const CLASSES = ['2xx', '3xx', '4..', '5..']
export const OUTCOMES = ['deleted', 'already_gone', 'failed', 'unprocessed']
export const VERDICTS = ['accepted', 'duplicate', 'excluded', 'invalid']
export const LIVE = ['queued', 'planning', 'awaiting-approval', 'deleting']
export const TERMINAL = ['completed', 'incomplete', 'planned', 'refused', 'cancelled', 'failed']
export const PRIORITIES = ['high', 'normal', 'low']
/** Which priorities wait for quota: `high` only does if nothing is left. */
export const WAITS = ['high waits', 'normal waits', 'low waits']
export const JOB_STATES = ['JobComplete', 'Failed', 'Aborted', 'Vanished', 'Abandoned', 'Other']
