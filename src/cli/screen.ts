import { randomInt } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { styleText } from 'node:util'
import { codeOf } from '../shared/base/errors.ts'
import { visible, visibleLines } from '../shared/base/visible.ts'
import type { ServiceHost } from '../shared/telemetry/service.ts'
import { createPainting } from './painting.ts'
import { inAscii, isAsciiOnly, wrapped } from './terminal-text.ts'

/**
 * What a command needs from the process around it: `process` is one. A program that runs a command
 * within itself, such as a test, passes its own streams and environment.
 *
 * The working directory is the process's own in both cases.
 */
export interface Host extends ServiceHost {
  readonly stdin: HostInput
  readonly stdout: Output
  readonly stderr: Output
}

type HostInput = Readable & { readonly isTTY?: boolean; readonly fd?: number }
type Output = Writable & {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/**
 * The output of a command. Answers go to stdout, so that they can be piped; messages, logs and
 * questions go to stderr. Control characters of foreign text are escaped: only line feeds and the
 * colours of `style` remain.
 */
export interface Screen {
  readonly env: NodeJS.ProcessEnv
  answer(text: string): void
  /** The same for programs and shells: no line is broken. */
  answerData(text: string): void
  answerJson(value: unknown): void
  say(text: string): void
  /** The same after a yellow sign. */
  warn(text: string): void
  /**
   * Writes a file to stdout: its raw bytes, or on a terminal as text that is safe to show. A reader
   * that closes early (`| head`) is not an error.
   */
  pipe(bytes: AsyncIterable<Uint8Array>): Promise<void>
  /**
   * Waits for stdout, then returns why an answer was lost, such as a full disk; null if none was.
   */
  lostAnswer(): Promise<Error | null>
  /** Whether nobody reads stdout any more, as a write has shown. */
  isUnread(): boolean
  /** Colours for either stream, if it is a terminal and NO_COLOR is not set. */
  readonly answerStyle: Style
  readonly sayStyle: Style
  /** Whether there is a terminal on which to ask. */
  readonly canAsk: boolean
  /** Whether a line on stderr can be redrawn. */
  readonly canDraw: boolean
  /**
   * Shows the text on stdout in place of the one before; null if stdout cannot be redrawn. What is
   * printed meanwhile stays above it.
   */
  readonly repaint: ((text: string) => void) | null
  /** Columns of stdout; null if it is not a terminal, so that nothing is cut. */
  readonly columns: number | null
  /** Text that neither `answer` nor `say` writes, as they would: see `terminal-text.ts`. */
  fit(text: string, stream?: 'stdout' | 'stderr'): string
  readonly stdin: HostInput
  readonly stderr: Output
  /** Sets a redrawn line that is hidden while other lines are printed. */
  setStatusLine(draw: Drawn | null): void
}

/** Something redrawn that is hidden while other lines are printed. */
interface Drawn {
  hide(): void
  show(): void
}

/** The reader of a pipe, or the terminal, is gone. */
const GONE = ['EPIPE', 'EIO']

export function createScreen({ stdin, stdout, stderr, env }: Host): Screen {
  let drawn: Drawn | null = null
  let lost: Error | null = null
  // A reader or terminal that closes (`| head`) must not stop a running deletion.
  stderr.on('error', () => {})
  let isUnread = false
  stdout.on('error', (error) => {
    if (GONE.includes(codeOf(error) ?? '')) isUnread = true
    else lost ??= error
  })
  const write = (stream: Output, text: string) => {
    drawn?.hide()
    stream.write(`${text}\n`)
    drawn?.show()
  }
  const inLocale = isAsciiOnly(env) ? inAscii : (text: string) => text
  const fitted = (text: string, stream: Output) => {
    const columns = columnsOf(stream, env)
    const whole = inLocale(shown(text))
    return columns === null ? whole : wrapped(whole, columns)
  }
  const answer = (text: string) => write(stdout, fitted(text, stdout))
  const answerData = (text: string) => write(stdout, inLocale(shown(text)))
  const say = (text: string) => write(stderr, fitted(text, stderr))
  const sayStyle = styler(stderr)
  const painting = createPainting(stdout)
  return {
    env,
    answer,
    answerData,
    answerJson: (value) => answerData(JSON.stringify(value, null, 2)),
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
    isUnread: () => isUnread,
    answerStyle: styler(stdout),
    sayStyle,
    canAsk: stdin.isTTY === true && stderr.isTTY === true,
    canDraw: isRedrawable(stderr, env),
    repaint: isRedrawable(stdout, env)
      ? (text) => {
          drawn = painting
          painting.paint(fitted(text, stdout).split('\n'))
        }
      : null,
    columns: columnsOf(stdout, env),
    fit: (text, stream) => fitted(text, stream === 'stdout' ? stdout : stderr),
    stdin,
    stderr,
    setStatusLine: (draw) => {
      drawn = draw
    },
  }
}

const isRedrawable = ({ isTTY }: Output, { TERM }: NodeJS.ProcessEnv): boolean =>
  isTTY === true && TERM !== 'dumb'

/** Null if it is not a terminal: a pipe or file gets whole lines. */
export function columnsOf(
  { isTTY, columns }: Pick<Output, 'isTTY' | 'columns'>,
  env: NodeJS.ProcessEnv,
): number | null {
  return isTTY ? columns || Number(env['COLUMNS']) || 80 : null
}

/** Where text for people goes, and its colours: stdout, unless that is for JSON. */
export function textOutput(
  { answer, say, answerStyle, sayStyle }: Screen,
  { json }: { readonly json?: true },
) {
  return json ? { write: say, style: sayStyle } : { write: answer, style: answerStyle }
}

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
export function styler(stream: Output): Style {
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
