import { randomInt } from 'node:crypto'
import { styleText } from 'node:util'
import { visible, visibleLines } from '../shared/base/visible.ts'
import type { Output } from './host.ts'

/** How a word may be set apart where colours are wanted. */
export type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
export type Paint = (format: Format, text: string) => string

/** No colours: for files, pipes and tests. */
export const plain: Paint = (_format, text) => text

/**
 * Random parameters of this process in each of our own colour sequences, as in `ESC [ 31 ; MARK m`.
 * A sequence without them came with foreign text and is escaped. Groups of four digits, because
 * what measures the width of a text (ansi-regex) knows no longer ones.
 */
const MARK = Array.from({ length: 3 }, () => randomInt(1000, 10_000)).join(';')
const ESC = '\u001b'
const OWN_SEQUENCE = new RegExp(`${ESC}\\[(\\d+);${MARK}m`)

/** Colours for a stream, where it is a terminal and NO_COLOR is not set. */
export function painter(stream: Output): Paint {
  return (format, text) => {
    const [on = '', off = ''] = styleText(format, ' ', { stream }).split(' ')
    return marked(on) + text + marked(off)
  }
}

function marked(sequence: string): string {
  return sequence.replace('m', `;${MARK}m`)
}

/** Text as it may go to a terminal: our own colours, line feeds, and everything else visible. */
export function shown(text: string): string {
  return byPart(text, visibleLines, (code) => `${ESC}[${code}m`)
}

/** One line of it, still marked: a line feed within would forge a line. */
export function oneLine(text: string): string {
  return byPart(text, visible, (code) => marked(`${ESC}[${code}m`))
}

function byPart(
  text: string,
  foreign: (text: string) => string,
  own: (code: string) => string,
): string {
  // With its group, split gives text and codes in turn.
  const parts = text.split(OWN_SEQUENCE)
  return parts.map((part, at) => (at % 2 === 0 ? foreign(part) : own(part))).join('')
}

/** A file as it may go to a terminal, in blocks as they come. */
export async function* shownBytes(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  for await (const block of bytes) yield shown(decoder.decode(block, { stream: true }))
  yield shown(decoder.decode())
}
