import { EventEmitter } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { invocation } from '../../src/cli/invocation.ts'
import type { Host } from '../../src/cli/screen.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunHere {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Whether the streams say that they are a terminal. Everything is in `stdout` then, as there. */
  readonly onTerminal?: boolean
  /** The width of that terminal: by default so wide that nothing is wrapped. */
  readonly columns?: number
}

// Node's runner sets it on a terminal, and it would colour what a command writes into no terminal.
delete process.env['FORCE_COLOR']

/** A command that has begun, and the hands of the one who began it. */
export interface Running {
  readonly ended: Promise<Ended>
  /** Everything it has written so far. */
  said(): string
  /** Sends it a signal. */
  signal(name: NodeJS.Signals): void
  /** Types into its stdin. */
  type(text: string): void
  /** Resolves once the text was written to stderr (or stdout); rejects where it ends before. */
  saw(pattern: RegExp): Promise<void>
  /** Waits for something else; rejects where the command ends before. */
  meanwhile<T>(something: Promise<T>): Promise<T>
}

/** A command to its end, within this process. */
export function runHere(args: readonly string[], options: RunHere = {}): Promise<Ended> {
  return beginHere(args, options).ended
}

/**
 * A command within this process. It hears the signals that it is sent here, and Ctrl-C where it is
 * typed at a question. A signal that ends a process at once is tested with a process.
 */
export function beginHere(
  args: readonly string[],
  { env, input, onTerminal: isTTY = false, columns = 10_000 }: RunHere = {},
): Running {
  const stdin = Object.assign(new PassThrough(), { isTTY })
  const colours = () => (env?.['NO_COLOR'] ? 1 : 4)
  const output = () => Object.assign(new Kept(), { isTTY, columns, getColorDepth: colours })
  const stdout = output()
  const stderr = isTTY ? stdout : output()
  if (input !== undefined) stdin.end(input)
  const streams = { stdin, stdout, stderr, env: { ...surroundings(), ...env }, logTo: stderr }
  const signals = new EventEmitter()
  const host: Host = Object.assign(signals, streams, { exit: endsNothing })
  const said = () => ({ stdout: stdout.text(), stderr: isTTY ? '' : stderr.text() })
  const ended = invocation(args, host)
    .run()
    .then((code) => ({ code, ...said() }))
  return watched([stdout, stderr], ended, {
    said: () => Object.values(said()).join(''),
    signal: (name) => void signals.emit(name),
    type: (text) => void stdin.write(text),
  })
}

/** Looks again at what a command has said whenever one of the emitters tells of more. */
export function watched(
  emitters: readonly EventEmitter[],
  ended: Promise<Ended>,
  hands: Pick<Running, 'said' | 'signal' | 'type'>,
): Running {
  const meanwhile = <T>(something: Promise<T>): Promise<T> => {
    const tooEarly = ended.then(() =>
      Promise.reject(new Error(`It ended too early:\n${hands.said()}`)),
    )
    return Promise.race([something, tooEarly])
  }
  const saw = async (pattern: RegExp): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      if (pattern.test(hands.said())) resolve()
    }
    for (const emitter of emitters) emitter.on('data', look)
    ended.then(() => reject(new Error(`It ended without ${pattern}:\n${hands.said()}`)), reject)
    look()
    await promise.finally(() => {
      for (const emitter of emitters) emitter.off('data', look)
    })
  }
  return { ...hands, ended, saw, meanwhile }
}

function endsNothing(code: number): never {
  throw new Error(`The command would have ended the process with code ${code}.`)
}

/** Keeps what is written to it, and tells of it as a stream that is read would. */
class Kept extends Writable {
  readonly #blocks: Buffer[] = []

  override _write(block: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#blocks.push(block)
    this.emit('data')
    done()
  }

  text(): string {
    return Buffer.concat(this.#blocks).toString()
  }
}

/** Nothing of our own settings, whoever runs the tests. */
export function surroundings(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR', 'LANG', 'USER']
  const there = kept.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(there), TERM: 'xterm-256color' }
}
