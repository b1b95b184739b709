import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { env } from 'node:process'
import { text } from 'node:stream/consumers'

export interface Measured {
  readonly stdout: string
  readonly stderr: string
  /** The exit code, or the signal that ended it. */
  readonly exit: number | string
  readonly seconds: number
  /** Processor time of the process itself, which is comparable on a busy machine too. */
  readonly processorSeconds: number
  /** Peak resident memory of the process itself. */
  readonly ownMiB: number
  /** The peaks of the process and all its children added up, though they may not coincide. */
  readonly treeMiB: number
}

const WATCH_EVERY_MS = 20

/** Runs a command to its end. Memory is what the kernel counted (VmHWM), so Linux only. */
export async function measure(
  [command = '', ...args]: readonly string[],
  extraEnv: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<Measured> {
  const begun = performance.now()
  const child = spawn(command, args, {
    env: { ...env, ...extraEnv },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const pid = child.pid ?? 0
  const peaks = new Map<number, number>([[pid, 0]])
  let processorSeconds = 0
  const watch = setInterval(async () => {
    processorSeconds = Math.max(processorSeconds, await processorSecondsOf(pid))
    await look(peaks)
  }, WATCH_EVERY_MS)
  const ended = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code, signal]: (number | string | null)[] = await ended
  clearInterval(watch)
  return {
    stdout,
    stderr,
    exit: code ?? signal ?? 'unknown',
    seconds: (performance.now() - begun) / 1000,
    processorSeconds,
    ownMiB: peaks.get(pid) ?? 0,
    treeMiB: [...peaks.values()].reduce((sum, peak) => sum + peak, 0),
  }
}

/** The most memory that a process has had so far; 0 once it has ended. */
export async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
}

async function look(peaks: Map<number, number>): Promise<void> {
  for (const pid of [...peaks.keys()]) {
    peaks.set(pid, Math.max(await peakMiB(pid), peaks.get(pid) ?? 0))
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
    for (const child of children.split(' ').map(Number)) {
      if (child > 0 && !peaks.has(child)) peaks.set(child, 0)
    }
  }
}

/** The kernel counts in hundredths of a second; 0 once the process has ended. */
export async function processorSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The command's name may hold blanks and stands in brackets.
  const [, fields = ''] = stat.split(') ')
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number)
  return (user + system) / 100
}
