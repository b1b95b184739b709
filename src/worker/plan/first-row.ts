import { MAX_LINE_BYTES } from './bytes.ts'
import { trimmed } from './unseen.ts'

/** The first row of a text, cut at delimiters outside quotes. */
export interface FirstRow {
  readonly cells: readonly string[]
  /** The delimiters between the cells. */
  readonly separators: readonly string[]
  /** Bytes and lines of the row, its line end among them. */
  readonly length: number
  readonly lines: number
}

/** Null where its quotes do not match: one opens where a field begins, and encloses it whole. */
export function readFirstRow(bytes: Uint8Array, delimiters: string): FirstRow | null {
  return cutRow(textOf(bytes), delimiters, '"')
}

/** Which of the delimiters stand in the first row, outside quotes where these match. */
export function separatorsIn(bytes: Uint8Array, delimiters: string): readonly string[] {
  const text = textOf(bytes)
  const row = cutRow(text, delimiters, '"') ?? cutRow(text, delimiters, '')
  return row?.separators ?? []
}

/** One character a byte, so that places in the text are places in the bytes. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, MAX_LINE_BYTES)).toString('latin1')
}

function cutRow(text: string, delimiters: string, quote: string): FirstRow | null {
  const cells: string[] = []
  const separators: string[] = []
  let cell = ''
  let state: 'bare' | 'quoted' | 'closed' = 'bare'
  let at = 0
  for (; at < text.length; at++) {
    const char = text.charAt(at)
    if (state === 'quoted') {
      if (char !== quote) cell += char
      else if (text[at + 1] === quote) cell += text[++at]
      else state = 'closed'
    } else if (char === '\n' || char === '\r') break
    else if (delimiters.includes(char)) {
      cells.push(utf8(cell))
      separators.push(char)
      cell = ''
      state = 'bare'
    } else if (state === 'closed') {
      if (!BLANK.test(char)) return null
    } else if (char !== quote) cell += char
    else if (BLANK.test(cell)) state = 'quoted'
    else return null
  }
  if (state === 'quoted') return null
  const lineEnd = text.startsWith('\r\n', at) ? 2 : Math.min(1, text.length - at)
  const lines = text.slice(0, at).split(/\r\n|\r|\n/).length
  return { cells: [...cells, utf8(cell)], separators, length: at + lineEnd, lines }
}

const BLANK = /^[ \t\v\f]*$/

function utf8(latin1: string): string {
  return trimmed(Buffer.from(latin1, 'latin1').toString('utf8'))
}
