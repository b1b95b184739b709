import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts'
import { to18 } from '../../src/shared/contract/record-id.ts'
import { type Ended, type RunHere, runHere, surroundings } from './run-here.ts'

const BEFORE = process.cwd()
const BIN = fileURLToPath(new URL('../../bin/expunge.js', import.meta.url))

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves once the text was written to stderr (or stdout); rejects where it ends before. */
  saw(pattern: RegExp): Promise<void>
  /** Waits for something else; rejects where the command ends before. */
  meanwhile<T>(something: Promise<T>): Promise<T>
}

export interface Place {
  readonly folder: string
  readonly sandbox: Sandbox
  /** What a user would have exported. */
  readonly env: Readonly<Record<string, string>>
  /** Runs a command to its end, in this process: it loads what a command needs only once. */
  expunge(args: readonly string[], options?: RunHere): Promise<Ended>
  /** Starts a process: for what is told by signals, a terminal or the process's end. */
  start(args: readonly string[], options?: RunOptions): Running
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
  }
  const running = new Set<Running>()
  const start = (args: readonly string[], run: RunOptions = {}) => {
    const started = startExpunge(args, { ...run, env: { ...env, ...run.env } }, folder)
    running.add(started)
    return started
  }
  t.after(async () => {
    for (const { child } of running) child.kill('SIGKILL')
    await Promise.all([...running].map(({ ended }) => ended))
    await sandbox.close()
    process.chdir(BEFORE)
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const expunge = (args: readonly string[], run: RunHere = {}) => {
    process.chdir(folder)
    return runHere(args, { ...run, env: { ...env, ...run.env } })
  }
  return { folder, sandbox, env, start, expunge }
}

export function startExpunge(
  args: readonly string[],
  { env, input, under = (command) => command }: RunOptions,
  cwd: string,
): Running {
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
  return {
    child,
    ended,
    saw: (pattern) => saw(child, pattern, () => stdout + stderr),
    meanwhile: (something) =>
      Promise.race([
        something,
        ended.then(() => Promise.reject(new Error(`It ended too early:\n${stdout}${stderr}`))),
      ]),
  }
}

async function saw(child: ChildProcess, pattern: RegExp, text: () => string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = () => {
    if (pattern.test(text())) resolve()
  }
  const end = () => reject(new Error(`It ended without ${pattern}:\n${text()}`))
  child.stdout?.on('data', look)
  child.stderr?.on('data', look)
  child.once('close', end)
  look()
  await promise
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
