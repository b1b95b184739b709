import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Scope } from './scope.ts'

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
}

export interface Child {
  readonly pid: number
  /** Null while it runs. */
  readonly how: Ended | null
  readonly ended: Promise<Ended>
  /** Resolves once a line of its log holds this text; rejects where it ends before. */
  said(text: string): Promise<void>
  /** The end of its log, for whoever has to find out what went wrong. */
  tail(): string
  /** SIGCONT goes along where it must die: a stopped process hears nothing. */
  kill(signal: NodeJS.Signals): void
  send(message: object): void
  onMessage(listen: (message: unknown) => void): void
}

const MOST_LINES = 400
/** Parsing the sources is half of a short process's life. */
const CACHE = 'NODE_COMPILE_CACHE'

/** The programs beside this file. */
export type Entry = 'worker-process' | 'producer-process' | 'sandbox-process' | 'service-process'

/** Starts one of them; it is killed when the scope ends. */
export function startChild(
  scope: Scope,
  entry: Entry,
  env: Readonly<Record<string, string>>,
): Child {
  const path = join(import.meta.dirname, `${entry}.ts`)
  const child = spawn(process.execPath, [path], {
    env: { ...env, [CACHE]: process.env[CACHE] ?? '' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Ctrl-C is for the harness, which then ends its children itself.
    detached: true,
  })
  child.on('error', () => {})
  let how: Ended | null = null
  const ended = once(child, 'exit').then(([code, signal]: unknown[]): Ended => {
    how = {
      code: typeof code === 'number' ? code : null,
      signal: typeof signal === 'string' ? signal : null,
    }
    return how
  })
  const kill = (signal: NodeJS.Signals) => {
    if (how !== null) return
    child.kill(signal)
    if (signal === 'SIGKILL' || signal === 'SIGTERM') child.kill('SIGCONT')
  }
  scope.after(async () => {
    kill('SIGKILL')
    await ended
  })
  const log = readLog(child, ended)
  return {
    pid: child.pid ?? 0,
    get how() {
      return how
    },
    ended,
    ...log,
    kill,
    send: (message) => {
      // It may have been killed a moment ago.
      if (child.connected) child.send(message, () => {})
    },
    onMessage: (listen) => child.on('message', listen),
  }
}

function readLog(child: ChildProcess, ended: Promise<Ended>): Pick<Child, 'said' | 'tail'> {
  const lines: string[] = []
  const looks = new Set<() => void>()
  if (child.stderr !== null) {
    createInterface(child.stderr).on('line', (line) => {
      lines.push(line)
      if (lines.length > MOST_LINES) lines.shift()
      for (const look of looks) look()
    })
  }
  const tail = () => lines.slice(-30).join('\n')
  const said = async (text: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = () => {
      if (lines.some((line) => line.includes(text))) resolve()
    }
    looks.add(look)
    look()
    try {
      const gone = await Promise.race([promise.then(() => false), ended.then(() => true)])
      if (gone) throw new Error(`It ended without saying "${text}":\n${tail()}`)
    } finally {
      looks.delete(look)
    }
  }
  return { said, tail }
}
