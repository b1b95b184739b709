import { readFile, writeFile } from 'node:fs/promises'
import type { Machine } from './machine.ts'
import type { Row, Table } from './table.ts'

/** A table as it was measured. */
interface Measured {
  readonly name: string
  readonly title: string
  readonly size: number
  /** UTC, `2026-12-01`. */
  readonly day: string
  /** Load average of the last minute, before and after. */
  readonly load: readonly [number, number]
  readonly machine: Machine
  readonly figure: Table['figure']
  readonly rows: readonly Row[]
}

/** A table that could not be measured, with the error. */
interface Failed extends Pick<Measured, 'name' | 'title' | 'day'> {
  readonly failed: string
}

export type Reported = Measured | Failed

export function markdown(table: Reported): string {
  if ('failed' in table) {
    return `${table.title}.\n**Not measured** on ${table.day}: ${table.failed.split('\n')[0]}`
  }
  const { title, size, day, load, figure, rows } = table
  const columns = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))]
  const rounds = rows[0]?.rounds.length ?? 0
  const hasSpread = rounds > 1
  const hasRatios = rows.some(({ ratios }) => Object.keys(ratios).length > 0)
  const head = [
    '',
    ...columns,
    ...(hasSpread ? [`${figure}, from`, 'to'] : []),
    ...(hasRatios ? [`${figure}, of that of`] : []),
  ]
  const lines = rows.map(({ way, figures, from, to, ratios }) => [
    way,
    ...columns.map((name) => cell(figures[name])),
    ...(hasSpread ? [cell(from), cell(to)] : []),
    ...(hasRatios ? [Object.entries(ratios).map(ratio).join('; ')] : []),
  ])
  const about = `${title}.\nSize ${size.toLocaleString('en')}, ${rounds === 1 ? 'one round' : `medians of ${rounds} rounds`}, ${day}, load ${load.map((one) => one.toFixed(1)).join(' to ')}.`
  return [about, '', ...[head, head.map(() => '---'), ...lines].map(line)].join('\n')
}

/** Replaces a table of the page between its two marks. */
export async function publish(page: string, table: Reported): Promise<void> {
  const text = await readFile(page, 'utf8')
  const [begin, end] = [`<!-- bench: ${table.name} -->\n`, `<!-- end: ${table.name} -->`]
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new Error(`Expected ${begin.trim()} and ${end} in ${page}.`)
  await writeFile(page, `${before}${begin}\n${markdown(table)}\n\n${end}${after}`)
}

function cell(value: number | string | undefined): string {
  if (typeof value !== 'number') return value ?? ''
  const digits =
    Math.abs(value) < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 }
  return Number.isFinite(value) ? value.toLocaleString('en', digits) : ''
}

function ratio([way, value]: [string, number]): string {
  return `${cell(value)} × ${way}`
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
