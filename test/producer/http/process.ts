import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { beginHere } from '../../cli/run-here.ts'

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts')

/** `expunge serve`, or `worker`, that a test has started. */
export interface Service {
  /** Code and signal. */
  readonly ended: Promise<unknown[]>
  /** Everything it has said so far. */
  said(): string
  /** Resolves once it has logged so, ever; fails where it ends before. */
  logged(message: string): Promise<Record<string, unknown>>
  /** Sends it a signal. */
  signal(name: NodeJS.Signals): void
}

/** One in a process of its own. */
export interface ServiceProcess extends Service {
  readonly child: ChildProcess
  readonly pid: number
}

interface Scope {
  after(fn: () => Promise<void>): void
}

type Command = 'serve' | 'worker'

const PORTS = { EXPUNGE_HTTP_PORT: '0', EXPUNGE_METRICS_PORT: '0' }

/** The same within this process; stopped after the test where it still runs. */
export function startServiceHere(
  t: Scope,
  env: Readonly<Record<string, string>>,
  command: Command = 'serve',
): Service {
  const { said, signal, saw, ...running } = beginHere([command], { env: { ...PORTS, ...env } })
  const ended = running.ended.then(({ code }) => [code, null])
  t.after(async () => {
    signal('SIGTERM')
    await ended
  })
  const logged = async (message: string) => {
    const start = `"msg":"${message}`
    await saw(new RegExp(start.replaceAll(/\W/g, '\\$&')))
    const line = said()
      .split('\n')
      .find((text) => text.includes(start))
    return JSON.parse(line ?? '')
  }
  return { ended, said, logged, signal }
}

/** `expunge serve`, or `worker`, as a process of its own; killed after the test where it still runs. */
export function startServiceProcess(
  t: Scope,
  env: Readonly<Record<string, string>>,
  command: Command = 'serve',
): ServiceProcess {
  const own = {
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    ...{ ...PORTS, ...env },
  }
  const child = spawn(process.execPath, [MAIN, command], {
    env: own,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'close')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  assert.ok(child.stderr)
  createInterface(child.stderr).on('line', (line) => {
    lines.push(line)
    for (const look of waiting) look()
  })
  const logged = async (message: string) => {
    for (;;) {
      const line = lines.find((text) => text.includes(`"msg":"${message}`))
      if (line !== undefined) return JSON.parse(line)
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.add(resolve)
      const gone = await Promise.race([promise.then(() => false), ended.then(() => true)])
      waiting.delete(resolve)
      if (gone) assert.fail(`it ended before it said "${message}": ${lines.join('\n')}`)
    }
  }
  const signal = (name: NodeJS.Signals) => void child.kill(name)
  return { child, pid: child.pid ?? 0, ended, said: () => lines.join('\n'), logged, signal }
}
