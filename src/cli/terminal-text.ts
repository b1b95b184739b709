import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import { escaped } from '../shared/base/visible.ts'

/** Text as a terminal can show it: no wider than it is, and in the characters of its locale. */

/** A command to copy: it is continued with a backslash, so that a shell still takes it as one. */
const COMMAND = /^ *(?:\$ )?(?:npx )?expunge [a-z]/
/** Words of a command: a flag with its value; a quoted argument is not broken. */
const SHELL_WORD = /(?:-\S+ (?!-))?(?:'[^']*'|\\.|[^\s'\\])+/g
/** Indent and sign of a line. */
const LEAD = /^ *(?:(?:[!✓✗→+x]|->) )?/
const COLUMN_GAP = /\S {2,}(?=\S)/g

/** Breaks lines between words, and continues them under their text or their last column. */
export function wrapped(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => (stringWidth(line) <= width ? line : wrappedLine(line, width)))
    .join('\n')
}

function wrappedLine(line: string, width: number): string {
  const blanks = /^ */.exec(line)?.[0] ?? ''
  if (COMMAND.test(line)) {
    const words = line.match(SHELL_WORD) ?? []
    return blanks + filled(words, width - blanks.length - 4).join(` \\\n${blanks}  `)
  }
  const column = lastColumn(line, width)
  const head = line.slice(0, column ?? blanks.length)
  const sign = LEAD.exec(stripVTControlCharacters(line))?.[0] ?? ''
  const indent = column === null ? sign.length : stringWidth(head)
  const words = line.slice(head.length).trimEnd().split(' ')
  // A prompt keeps the blank before its answer.
  const end = line.endsWith(' ') ? ' ' : ''
  const room = width - indent - end.length
  if (column !== null && words.some((word) => stringWidth(word) > room)) {
    // A long path or id below its label has more room.
    const below = `\n${blanks}    `
    return head.trimEnd() + below + filled(words, width - blanks.length - 4).join(below) + end
  }
  return head + filled(words, room).join(`\n${' '.repeat(indent)}`) + end
}

/** Where the last column of a table begins, unless that leaves it too little room. */
function lastColumn(line: string, width: number): number | null {
  const gap = [...line.matchAll(COLUMN_GAP)].at(-1)
  if (gap === undefined) return null
  const start = gap.index + gap[0].length
  return stringWidth(line.slice(0, start)) <= width / 2 ? start : null
}

/** Joins words to lines of at most `width` columns; a longer word gets a line of its own. */
function filled(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = []
  let line: string | null = null
  let used = 0
  for (const word of words) {
    const size = stringWidth(word)
    if (line === null || used + 1 + size > width) {
      if (line !== null) lines.push(line)
      line = word
      used = size
    } else {
      line += ` ${word}`
      used += 1 + size
    }
  }
  return line === null ? lines : [...lines, line]
}

/** Whether the locale has ASCII only, as `C` has. No locale at all does not say so. */
export function isAsciiOnly(env: NodeJS.ProcessEnv): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || 'UTF-8'
  return !/utf-?8/i.test(locale)
}

const SIGNS: Readonly<Record<string, string>> = {
  ...{ '…': '...', '·': '-', '–': '-', '—': '-', '→': '->', '✓': '+', '✗': 'x' },
  ...{ '█': '#', '░': '.', '“': '"', '”': '"', '’': "'", '≤': '<=', '≥': '>=', '×': 'x' },
}

/** The same in ASCII: our own signs in other words, foreign characters as `\u00fc`. */
export function inAscii(text: string): string {
  return text.replace(/\P{ASCII}/gu, (character) => SIGNS[character] ?? escaped(character))
}
