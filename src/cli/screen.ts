import { pipeline } from 'node:stream/promises'
import { codeOf } from '../shared/base/errors.ts'
import type { Host, HostInput, Output } from './host.ts'
import { type Paint, painter, shown, shownBytes } from './paint.ts'

/**
 * Where a command speaks. What it answers goes to stdout, so that it can be piped; what it says
 * meanwhile, logs and questions to stderr. No control character of foreign text gets out: of what
 * is written only line feeds and the colours of `paint` stay, everything else is escaped.
 */
export interface Screen {
  readonly env: NodeJS.ProcessEnv
  answer(text: string): void
  say(text: string): void
  /**
   * A file to stdout: its bytes as they are, on a terminal as text that is safe to show. A reader
   * that goes away (`| head`) has had enough.
   */
  pipe(bytes: AsyncIterable<Uint8Array>): Promise<void>
  /** Why an answer did not reach stdout, once that has taken all: a full disk; null where all did. */
  lostAnswer(): Promise<Error | null>
  /** Colours for either, where it is a terminal and NO_COLOR is not set. */
  readonly paintAnswer: Paint
  readonly paintSay: Paint
  /** Somebody sits there and can be asked. */
  readonly canAsk: boolean
  /** A line on stderr can be drawn again. */
  readonly canDraw: boolean
  /** Columns of stdout; null where it is no terminal, so nothing is to be cut. */
  readonly columns: number | null
  readonly stdin: HostInput
  readonly stderr: Output
  /** What is drawn again and again makes way for a line, and comes back after it. */
  makeWay(draw: { hide(): void; show(): void } | null): void
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
  return {
    env,
    answer: writing(stdout),
    say: writing(stderr),
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
    paintAnswer: painter(stdout),
    paintSay: painter(stderr),
    canAsk: stdin.isTTY === true && stderr.isTTY === true,
    canDraw: stderr.isTTY === true && env['TERM'] !== 'dumb',
    columns: (stdout.isTTY && stdout.columns) || null,
    stdin,
    stderr,
    makeWay: (draw) => {
      drawn = draw
    },
  }
}
