import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { codeOf } from '../shared/base/errors.ts'
import type { ServiceHost } from '../shared/telemetry/service.ts'
import { type Style, shown, shownBytes, styler } from './styled-text.ts'
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

const ESC = '\u001b'
const UP = (rows: number) => (rows === 0 ? '' : `${ESC}[${rows}A`)
const CLEAR_LINE = `${ESC}[K`
const CLEAR_BELOW = `${ESC}[J`
const [NO_WRAP, WRAP] = [`${ESC}[?7l`, `${ESC}[?7h`]

const DEFAULT_ROWS = 24

/**
 * Lines at the end of a terminal's output that are overwritten in place, in one write, so that
 * nothing flickers. The terminal cuts lines that are too long, because a wrapped one would take more
 * rows than counted.
 */
function createPainting(terminal: Writable & { readonly rows?: number }) {
  let lines: readonly string[] = []
  let painted = 0
  const show = () => {
    const rows = lines.map((line) => `${line}${CLEAR_LINE}\n`).join('')
    terminal.write(`${UP(painted)}${NO_WRAP}${rows}${WRAP}${CLEAR_BELOW}`)
    painted = lines.length
  }
  return {
    /** @param text safe for a terminal; cut at its height */
    paint: (text: readonly string[]) => {
      lines = text.slice(0, (terminal.rows ?? DEFAULT_ROWS) - 1)
      show()
    },
    /** Removes the lines, so that others can be printed above them. */
    hide: () => {
      if (painted > 0) terminal.write(`${UP(painted)}${CLEAR_BELOW}`)
      painted = 0
    },
    show,
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
