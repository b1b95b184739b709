import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts'
import { to18 } from '../../src/shared/contract/record-id.ts'
import {
  beginHere,
  type Ended,
  type RunHere,
  type Running,
  surroundings,
  watched,
} from './run-here.ts'

export type { Running } from './run-here.ts'

const BEFORE = process.cwd()
const BIN = fileURLToPath(new URL('../../bin/expunge.js', import.meta.url))

/** One in a process of its own. */
export interface RunningProcess extends Running {
  readonly child: ChildProcess
}

export interface Place {
  readonly folder: string
  readonly sandbox: Sandbox
  /** What a user would have exported. */
  readonly env: Readonly<Record<string, string>>
  /** Runs a command to its end, in this process: it loads what a command needs only once. */
  expunge(args: readonly string[], options?: RunHere): Promise<Ended>
  /** Begins one in this process, which hears signals and what is typed. */
  begin(args: readonly string[], options?: RunHere): Running
  /** Starts a process: for a kill, a real terminal, or an end that no command can prevent. */
  start(args: readonly string[], options?: RunOptions): RunningProcess
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Run under this command, such as `script`. */
  readonly under?: (command: readonly string[]) => readonly string[]
}

/**
 * A sandbox, a folder, and the command with the environment of a user who has both. The working
 * directory is the folder of the place that ran a command last: places take turns.
 */
export async function place(t: TestContext, options: SandboxOptions = {}): Promise<Place> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'expunge-cli-')))
  const sandbox = await startSandbox(options)
  const env = {
    SALESFORCE_LOGIN_URL: sandbox.url,
    SALESFORCE_CLIENT_ID: sandbox.clientId,
    SALESFORCE_CLIENT_SECRET: sandbox.clientSecret,
    EXPUNGE_HOME: join(folder, 'home'),
    EXPUNGE_RESULTS: join(folder, 'results'),
    EXPUNGE_COALESCE_BELOW: '0',
  }
  const running: (() => Promise<unknown>)[] = []
  const start = (args: readonly string[], run: RunOptions = {}) => {
    const started = startExpunge(args, { ...run, env: { ...env, ...run.env } }, folder)
    running.push(() => {
      started.signal('SIGKILL')
      return started.ended
    })
    return started
  }
  const begin = (args: readonly string[], run: RunHere = {}) => {
    process.chdir(folder)
    const begun = beginHere(args, { ...run, env: { ...env, ...run.env } })
    running.push(() => {
      begun.signal('SIGTERM')
      return begun.ended
    })
    return begun
  }
  t.after(async () => {
    await Promise.all(running.map((end) => end()))
    await sandbox.close()
    process.chdir(BEFORE)
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  return { folder, sandbox, env, start, begin, expunge: (...call) => begin(...call).ended }
}

export function startExpunge(
  args: readonly string[],
  { env, input, under = (command) => command }: RunOptions,
  cwd: string,
): RunningProcess {
  const [command = '', ...rest] = under([process.execPath, BIN, ...args])
  const child = spawn(command, rest, {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...surroundings(), ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // Whoever ends before it has read its input closes the pipe under our hands.
  child.stdin.on('error', () => {})
  if (input !== undefined) child.stdin.end(input)
  const ended = once(child, 'close').then(([code]: unknown[]) => ({
    code: typeof code === 'number' ? code : null,
    stdout,
    stderr,
  }))
  const running = watched([child.stdout, child.stderr], ended, {
    said: () => stdout + stderr,
    signal: (name) => void child.kill(name),
    type: (text) => void child.stdin.write(text),
  })
  return { ...running, child }
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** So many Contact ids of 18 characters, no two the same. */
export function contactIds(count: number): string[] {
  return Array.from({ length: count }, (_, number) => {
    const tail = [62 ** 2, 62, 1].map((unit) => DIGITS.charAt(Math.floor(number / unit) % 62))
    return to18(`0035g00001AA${tail.join('')}`)
  })
}

export function csvOf(ids: readonly string[]): string {
  return ['Id', ...ids, ''].join('\n')
}
