import { MAX_LINE_BYTES } from './bytes.ts'

/** The first row of a text, cut at delimiters outside quotes. */
export interface FirstRow {
  readonly cells: readonly string[]
  /** The delimiters between the cells. */
  readonly separators: readonly string[]
  /** Bytes and lines of the row, its line end among them. */
  readonly length: number
  readonly lines: number
}

/** As everywhere, a quote opens only where a field begins; one that never closes is a character. */
export function readFirstRow(bytes: Uint8Array, delimiters: string): FirstRow {
  // One character a byte, so that places in the text are places in the bytes.
  const text = Buffer.from(bytes.subarray(0, MAX_LINE_BYTES)).toString('latin1')
  return cutRow(text, delimiters, '"') ?? cutRow(text, delimiters, '') ?? NO_ROW
}

const NO_ROW: FirstRow = { cells: [''], separators: [], length: 0, lines: 1 }

/** Undefined where quotes do not match. */
function cutRow(text: string, delimiters: string, quote: string): FirstRow | undefined {
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
    } else if (state === 'bare' && char === quote && BLANK.test(cell)) state = 'quoted'
    else if (state === 'closed' && !BLANK.test(char)) return undefined
    else cell += char
  }
  if (state === 'quoted') return undefined
  const lineEnd = text.startsWith('\r\n', at) ? 2 : Math.min(1, text.length - at)
  const lines = text.slice(0, at).split(/\r\n|\r|\n/).length
  return { cells: [...cells, utf8(cell)], separators, length: at + lineEnd, lines }
}

const BLANK = /^[ \t\v\f]*$/

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8').trim()
}
