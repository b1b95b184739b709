import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { codeOf } from '../../shared/base/errors.ts'
import { askRedis, serverInfo } from './ask.ts'

const run = promisify(execFile)

// Time until the server is killed: an answering one may have gigabytes to sync; the data of one
// that does not answer is already in the kernel's hands.
const TIMEOUTS_MS = { answering: 30_000, silent: 3_000 } as const

/**
 * Ends a server that outlived its owner and waits until it is gone, because two servers on one
 * append-only file would corrupt it. It is not adopted: it was told to end when its owner died and
 * may do so at any time.
 */
export async function endOrphan(options: {
  readonly socket: string
  readonly pidFile: string
  readonly log: (line: string) => void
}): Promise<void> {
  const { socket, pidFile, log } = options
  const answering = (await serverInfo({ path: socket }))?.pid
  const pid = answering ?? (await recordedPid(pidFile, socket))
  if (pid === null || !(await isAlive(pid))) return
  log(`Stopping the Redis server (pid ${pid}) of a killed process.`)
  if (answering === undefined || (await askToEnd(socket)) === 'refused') {
    signal(pid, 'SIGTERM')
    // A stopped process handles no other signal.
    signal(pid, 'SIGCONT')
  }
  await waitForEnd(pid, answering === undefined ? TIMEOUTS_MS.silent : TIMEOUTS_MS.answering)
}

const askToEnd = (socket: string): Promise<'agreed' | 'refused'> =>
  askRedis({ path: socket }, 'SHUTDOWN', TIMEOUTS_MS.answering).then(
    (reply) => (reply === '' ? 'agreed' : 'refused'),
    () => 'refused',
  )

async function waitForEnd(pid: number, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (await isAlive(pid)) {
    if (Date.now() > deadline) signal(pid, 'SIGKILL')
    await delay(10)
  }
}

/**
 * For a server that does not answer, stopped or hung: the recorded pid, if it still belongs to the
 * server.
 */
async function recordedPid(pidFile: string, socket: string): Promise<number | null> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''))
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  // Pids are reused: only a process with our socket in its command line may be ended.
  return (await commandLine(pid)).includes(socket) ? pid : null
}

async function commandLine(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    const shown = run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])
    return await shown.then(
      ({ stdout }) => stdout,
      () => '',
    )
  }
}

/**
 * Also false for a zombie: in a container whose first process reaps none, it would stay forever.
 */
export async function isAlive(pid: number): Promise<boolean> {
  if (!signal(pid, 0)) return false
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  return !/\) [ZX] /.test(stat)
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    // The process exists but belongs to another user.
    return codeOf(error) === 'EPERM'
  }
}
