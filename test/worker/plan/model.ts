import { canonicalId } from '../../../src/shared/contract/record-id.ts'
import { CONTACT } from './texts.ts'

/** The scanner's rules once more, with strings and regular expressions and without any speed. */
export interface Modelled {
  ids: string[]
  short: string[]
  refused: { line: number; value: string; reason: string }[]
}

/** What is refused as a whole: the line on which a CSV is no longer one. */
export interface Broken {
  broken: number
}

/** What may stand around a value without being seen: a sample of it. */
const UNSEEN = '[\\s\u00ad\u200b\u200e\u2060\ufeff]'
const AROUND = new RegExp(`^${UNSEEN}+|${UNSEEN}+$`, 'g')
const BLANK_FIELD = `(?:${UNSEEN}*|[ \\t\\v\\f]*"${UNSEEN}*"[ \\t\\v\\f]*)`
const BLANK_ROW = new RegExp(`^${BLANK_FIELD}(?:[,;\\t|]${BLANK_FIELD})*$`)

const bare = (text: string): string => text.replaceAll(AROUND, '')

/** A text of one column; `header` says that the first line is one. */
export function modelColumn(text: string, header: boolean): Modelled | Broken {
  const model: Modelled = { ids: [], short: [], refused: [] }
  let headerSeen = !header
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.replaceAll(/^[ \t\v\f]+|[ \t\v\f]+$/g, '')
    if (BLANK_ROW.test(line)) continue
    if (!headerSeen) {
      headerSeen = true
      continue
    }
    const quoted = /^"([^"]*)"$/.exec(line)
    const value = bare(quoted?.[1] ?? line)
    const isHeader = ['id', 'contact id'].includes(value.toLowerCase())
    if (isHeader || (!quoted && /[",;\t|]/.test(line))) return { broken: index + 1 }
    judge(model, value, index + 1)
  }
  return model
}

/** Rows of a CSV as they were put together: cells, and the line on which each begins. */
export function modelTable(
  rows: readonly { cells: readonly string[]; line: number }[],
  { column, width }: { column: number; width: number },
): Modelled | Broken {
  const model: Modelled = { ids: [], short: [], refused: [] }
  for (const { cells, line } of rows) {
    if (cells.every((cell) => bare(cell) === '')) continue
    if (cells.length !== width) return { broken: line }
    judge(model, cells[column] ?? '', line)
  }
  return model
}

function judge(model: Modelled, raw: string, line: number): void {
  const value = bare(raw)
  if (value === '') model.refused.push({ line, value, reason: 'EMPTY_VALUE' })
  else if (!/^(?:[0-9A-Za-z]{15}|[0-9A-Za-z]{18})$/.test(value)) {
    refuse(model, line, value, 'NOT_AN_ID')
  } else if (canonicalId(value) === undefined) {
    model.refused.push({ line, value, reason: 'WRONG_CHECKSUM' })
  } else if (!value.startsWith(CONTACT.prefix)) {
    model.refused.push({ line, value, reason: 'OTHER_OBJECT' })
  } else {
    model.ids.push(value.slice(0, 15))
    if (value.length === 15) model.short.push(value)
  }
}

function refuse(model: Modelled, line: number, value: string, reason: string): void {
  const characters = Array.from(value)
  const start = characters
    .slice(0, 3)
    .join('')
    .replace(/\p{Cc}/gu, '.')
    .replaceAll('\u200b', 'U+200B')
  const unit = characters.length === 1 ? 'character' : 'characters'
  const shown = `${start}${characters.length > 3 ? '…' : ''} (${characters.length} ${unit})`
  model.refused.push({ line, value: shown, reason })
}
