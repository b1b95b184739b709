import { randomInt } from 'node:crypto'
import type { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { visible, visibleLines } from '../shared/base/visible.ts'

/** Text with our own colours, in which everything foreign is safe for a terminal. */

/** How a word may be formatted if colours are enabled. */
type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
export type Style = (format: Format, text: string) => string

/**
 * Random parameters of this process in each of our own colour sequences, as in `ESC [ 31 ; MARK m`.
 * A sequence without them came with foreign text and is escaped. Groups of four digits, because
 * ansi-regex, which measures text widths, supports no longer ones.
 */
const MARK = Array.from({ length: 3 }, () => randomInt(1000, 10_000)).join(';')
const ESC = '\u001b'
const OWN_SEQUENCE = new RegExp(`${ESC}\\[(\\d+);${MARK}m`)

/** Colours for a stream, if it is a terminal and NO_COLOR is not set. */
export function styler(stream: Writable): Style {
  return (format, text) => {
    const [on = '', off = ''] = styleText(format, ' ', { stream }).split(' ')
    return marked(on) + text + marked(off)
  }
}

function marked(sequence: string): string {
  return sequence.replace('m', `;${MARK}m`)
}

/**
 * Makes text safe for a terminal: keeps our own colours and line feeds, and makes everything else
 * visible.
 */
export function shown(text: string): string {
  return byPart(text, visibleLines, (code) => `${ESC}[${code}m`)
}

/** The same for one line, still marked: a line feed within would forge a line. */
export function oneLine(text: string): string {
  return byPart(text, visible, (code) => marked(`${ESC}[${code}m`))
}

function byPart(
  text: string,
  foreign: (text: string) => string,
  own: (code: string) => string,
): string {
  // Because of its group, split returns text and codes alternately.
  const parts = text.split(OWN_SEQUENCE)
  return parts.map((part, at) => (at % 2 === 0 ? foreign(part) : own(part))).join('')
}

/** Makes a file safe for a terminal, block by block. */
export async function* shownBytes(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  for await (const block of bytes) yield shown(decoder.decode(block, { stream: true }))
  yield shown(decoder.decode())
}
