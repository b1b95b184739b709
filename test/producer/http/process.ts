import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts')

export interface ServiceProcess {
  readonly child: ChildProcess
  readonly pid: number
  /** Code and signal. */
  readonly ended: Promise<unknown[]>
  /** Everything it has said so far. */
  said(): string
  /** Resolves once it has logged so, ever; fails where it ends before. */
  logged(message: string): Promise<Record<string, unknown>>
}

interface Scope {
  after(fn: () => Promise<void>): void
}

/** `expunge serve`, or `worker`, as a process of its own; killed after the test where it still runs. */
export function startServiceProcess(
  t: Scope,
  env: Readonly<Record<string, string>>,
  command: 'serve' | 'worker' = 'serve',
): ServiceProcess {
  const own = {
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    ...{ EXPUNGE_HTTP_PORT: '0', EXPUNGE_METRICS_PORT: '0', ...env },
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
  return { child, pid: child.pid ?? 0, ended, said: () => lines.join('\n'), logged }
}
