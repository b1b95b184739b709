import { randomInt } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { styleText } from 'node:util'
import { codeOf } from '../shared/base/errors.ts'
import type { Signals } from '../shared/base/shutdown.ts'
import { visible, visibleLines } from '../shared/base/visible.ts'

/**
 * What a command needs of the process around it: `process` is one. A program that runs a command
 * within itself, as tests do, passes its own streams and environment.
 *
 * The working directory is the process's own in both cases.
 */
export interface Host extends Signals {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: HostInput
  readonly stdout: Output
  readonly stderr: Output
}

type HostInput = Readable & { readonly isTTY?: boolean; readonly fd?: number }
type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/**
 * Where a command speaks. What it answers goes to stdout, so that it can be piped; what it says
 * meanwhile, logs and questions to stderr. No control character of foreign text gets out: of what
 * is written only line feeds and the colours of `style` stay, everything else is escaped.
 */
export interface Screen {
  readonly env: NodeJS.ProcessEnv
  answer(text: string): void
  /** The answer for machines. */
  answerJson(value: unknown): void
  say(text: string): void
  /** The same behind a yellow sign. */
  warn(text: string): void
  /**
   * A file to stdout: its bytes as they are, on a terminal as text that is safe to show. A reader
   * that goes away (`| head`) has had enough.
   */
  pipe(bytes: AsyncIterable<Uint8Array>): Promise<void>
  /** Why an answer did not reach stdout, once that has taken all: a full disk; null where all did. */
  lostAnswer(): Promise<Error | null>
  /** Colours for either, where it is a terminal and NO_COLOR is not set. */
  readonly answerStyle: Style
  readonly sayStyle: Style
  /** Somebody sits there and can be asked. */
  readonly canAsk: boolean
  /** A line on stderr can be drawn again. */
  readonly canDraw: boolean
  /** Columns of stdout; null where it is no terminal, so nothing is to be cut. */
  readonly columns: number | null
  readonly stdin: HostInput
  readonly stderr: Output
  /** What is drawn again and again makes way for a line, and comes back after it. */
  setStatusLine(draw: { hide(): void; show(): void } | null): void
}

/** The reader of a pipe, or the terminal. */
const GONE = ['EPIPE', 'EIO']

export function createScreen({ stdin, stdout, stderr, env }: Host): Screen {
  let drawn: { hide(): void; show(): void } | null = null
  let lost: Error | null = null
  // A reader or a terminal that went away (`| head`) must not end a deletion in the middle.
  stderr.on('error', () => {})
  stdout.on('error', (error) => {
    if (!GONE.includes(codeOf(error) ?? '')) lost ??= error
  })
  const writing = (stream: Output) => (text: string) => {
    drawn?.hide()
    stream.write(`${shown(text)}\n`)
    drawn?.show()
  }
  const answer = writing(stdout)
  const say = writing(stderr)
  const sayStyle = styler(stderr)
  return {
    env,
    answer,
    answerJson: (value) => answer(JSON.stringify(value, null, 2)),
    say,
    warn: (text) => say(`${sayStyle('yellow', '!')} ${text}`),
    pipe: async (bytes) => {
      await pipeline(stdout.isTTY ? shownBytes(bytes) : bytes, stdout, { end: false }).catch(
        (error: unknown) => {
          if (codeOf(error) !== 'EPIPE' && error !== stdout.errored) throw error
        },
      )
    },
    lostAnswer: async () => {
      await new Promise<void>((resolve) => stdout.write('', () => resolve()))
      return lost
    },
    answerStyle: styler(stdout),
    sayStyle,
    canAsk: stdin.isTTY === true && stderr.isTTY === true,
    canDraw: stderr.isTTY === true && env['TERM'] !== 'dumb',
    columns: (stdout.isTTY && stdout.columns) || null,
    stdin,
    stderr,
    setStatusLine: (draw) => {
      drawn = draw
    },
  }
}

/** Where text for people goes, and its colours: to stdout, unless that is for JSON. */
export function textOutput(
  { answer, say, answerStyle, sayStyle }: Screen,
  { json }: { readonly json?: true },
) {
  return json ? { write: say, style: sayStyle } : { write: answer, style: answerStyle }
}

/** How a word may be set apart where colours are wanted. */
type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
export type Style = (format: Format, text: string) => string

/**
 * Random parameters of this process in each of our own colour sequences, as in `ESC [ 31 ; MARK m`.
 * A sequence without them came with foreign text and is escaped. Groups of four digits, because
 * what measures the width of a text (ansi-regex) knows no longer ones.
 */
const MARK = Array.from({ length: 3 }, () => randomInt(1000, 10_000)).join(';')
const ESC = '\u001b'
const OWN_SEQUENCE = new RegExp(`${ESC}\\[(\\d+);${MARK}m`)

/** Colours for a stream, where it is a terminal and NO_COLOR is not set. */
export function styler(stream: Output): Style {
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
