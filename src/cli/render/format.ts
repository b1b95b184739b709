import Table from 'cli-table3'
import { visible } from '../../shared/base/visible.ts'
import { oneLine } from '../styled-text.ts'

/** Formats numbers the same everywhere, independent of the machine's locale. */

let whole: Intl.NumberFormat | undefined

/** `999,000` */
export function count(value: number): string {
  // Created on first use: it takes 12 to 87 ms, and most commands show no numbers.
  whole ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
  return whole.format(value)
}

/** `1 ingest job`, `3 ingest jobs` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** `0.8 s`, `42 s`, `3 min 05 s`, `2 h 07 min`, `3 d 04 h` */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`
  const hours = Math.round(seconds / 3600)
  return `${Math.floor(hours / 24)} d ${pad(hours % 24)} h`
}

/** The same for a time that is still to come, in whole seconds. */
export function wait(ms: number): string {
  return ms < 10_000 ? `${Math.ceil(ms / 1000)} s` : duration(ms)
}

/** `2026-11-23 22:00:08 UTC` */
export function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `143 MiB`, `1.2 GiB` */
export function bytes(value: number): string {
  const mebi = value / 1024 ** 2
  return mebi < 1024 ? `${Math.round(mebi)} MiB` : `${(mebi / 1024).toFixed(1)} GiB`
}

/** `ticket=4711, caller=crm` */
export function labelWords(labels: Readonly<Record<string, string>>): string {
  const words = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  return visible(words.join(', '))
}

/** `63 %`: 100 only if nothing is left. */
export function percent(done: number, total: number): string {
  return `${total === 0 ? 100 : Math.floor((done / total) * 100)} %`
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}

const NOTHING = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '  ', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
  middle: '  ',
}

/**
 * Sequences that cli-table3 adds after a coloured cell, because it does not recognize our marked
 * `ESC [ 39 ; … m` as the end of a colour. Foreign text has no sequences left here, and ours carry
 * their mark.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a colour sequence is one
const UNMARKED = /\u001b\[\d+m/g

/** Columns without borders, like the output of shell tools. */
export function columns(
  rows: readonly (readonly string[])[],
  { head, align }: { head?: readonly string[]; align?: readonly ('left' | 'right')[] } = {},
): string {
  const table = new Table({
    chars: NOTHING,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    ...(head === undefined ? {} : { head: [...head] }),
    ...(align === undefined ? {} : { colAligns: [...align] }),
  })
  table.push(...rows.map((row) => row.map(oneLine)))
  return table
    .toString()
    .replaceAll(UNMARKED, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const SHOWN_JOBS = 5

/** `750…1AAA, 750…2AAA and 3 more` */
export function jobNames(jobs: readonly string[]): string {
  const more = jobs.length - SHOWN_JOBS
  return jobs.slice(0, SHOWN_JOBS).join(', ') + (more > 0 ? ` and ${count(more)} more` : '')
}
