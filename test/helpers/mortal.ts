import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'

/** A program that a test started. It does not outlive the test, however that ends. */
export interface Mortal {
  readonly child: ChildProcess
  /** Resolves with the first line of its stderr that passes, also an earlier one. */
  said(isWanted: (line: string) => boolean): Promise<string>
}

interface Scope {
  after(fn: () => Promise<void>): void
}

// The program replaces the shell and keeps its pid. The subshell reads from a pipe of ours: where
// that ends without a line, the test was killed, and nobody else is left to end the program.
const UNDER_WATCH = '{ read -r _ <&3 || kill -KILL $$; } 2>/dev/null & exec "$@" 3<&-'

/** Starts a program, and kills it after the test. */
export function startMortal(
  t: Scope,
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Mortal {
  const child = spawn('/bin/sh', ['-c', UNDER_WATCH, 'sh', ...command], {
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const [, , stderr, watch] = child.stdio
  if (stderr === null || !(watch instanceof Socket)) throw new Error('expected pipes')
  // It breaks where the subshell was killed first, with the whole group.
  watch.on('error', () => {})
  const exited = once(child, 'exit').then(() => watch.end('ended\n'))
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const lines: string[] = []
  const onLine = new EventTarget()
  createInterface(stderr).on('line', (line) => {
    lines.push(line)
    onLine.dispatchEvent(new Event('line'))
  })
  const ended = once(child, 'close').then(() => true)
  const said = async (isWanted: (line: string) => boolean): Promise<string> => {
    for (;;) {
      const next = once(onLine, 'line').then(() => false)
      const line = lines.find(isWanted)
      if (line !== undefined) return line
      if (await Promise.race([next, ended])) {
        throw new Error(`${command.join(' ')} ended before it said so:\n${lines.join('\n')}`)
      }
    }
  }
  return { child, said }
}
