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
}

// Node's runner sets it on a terminal, and it would colour what a command writes into no terminal.
delete process.env['FORCE_COLOR']

/** Their code takes signals, settings and logs from the process itself. */
const OWN_PROCESS = ['worker', 'serve', 'demo']

/**
 * A command to its end, within this process. Nobody sends it a signal: what a signal does is a
 * matter of the process, and tested with one.
 */
export async function runHere(
  args: readonly string[],
  { env, input, onTerminal: isTTY = false }: RunHere = {},
): Promise<Ended> {
  const isHelp = args.includes('--help')
  if (!isHelp && OWN_PROCESS.includes(args[0] ?? ''))
    throw new Error(`Start a process for ${args[0]}.`)
  const stdin = Object.assign(new PassThrough(), { isTTY })
  const stdout = Object.assign(new Kept(), { isTTY })
  const stderr = isTTY ? stdout : Object.assign(new Kept(), { isTTY })
  if (input !== undefined) stdin.end(input)
  const streams = { stdin, stdout, stderr, env: { ...surroundings(), ...env } }
  const host: Host = Object.assign(new EventEmitter(), streams, { exit: endsNothing })
  const code = await invocation(args, host).run()
  return { code, stdout: stdout.text(), stderr: isTTY ? '' : stderr.text() }
}

function endsNothing(code: number): never {
  throw new Error(`The command would have ended the process with code ${code}.`)
}

/** Keeps what is written to it. */
class Kept extends Writable {
  readonly #blocks: Buffer[] = []

  override _write(block: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#blocks.push(block)
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
