import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { InterruptedError, LostError } from '../cli.ts'

/** The sandbox in its own process, so that its memory and CPU time are not counted as the run's. */
interface SandboxProcess {
  /** How to log in. */
  readonly env: Readonly<Record<string, string>>
  /** Its own counts. */
  stats(): Promise<unknown>
  stop(): Promise<void>
}

const helloSchema = z.object({ url: z.url(), clientId: z.string(), clientSecret: z.string() })

export async function startSandboxProcess(args: readonly string[]): Promise<SandboxProcess> {
  // In its own process group: Ctrl-C on the terminal is for the run, which still needs the sandbox.
  const child = spawn(...expunge(['sandbox', '--port', '0', '--json', ...args]), {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: withoutSettings(process.env),
  })
  const { url, clientId, clientSecret } = helloSchema.parse(JSON.parse(await firstLine(child)))
  return {
    env: {
      SALESFORCE_LOGIN_URL: url,
      SALESFORCE_CLIENT_ID: clientId,
      SALESFORCE_CLIENT_SECRET: clientSecret,
    },
    stats: async () => (await fetch(`${url}/__sandbox/stats`)).json(),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new TypeError('Expected a pipe.')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new LostError('The sandbox ended before it was ready.')
}

/** Runs one of our commands on this terminal; resolves with its exit code. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(...expunge(args), {
    stdio: 'inherit',
    env: { ...withoutSettings(process.env), ...env },
  })
  // The terminal has already sent Ctrl-C to the run; a second signal would mean "at once".
  const pass = () => {
    const isFromTerminal = process.stdin.isTTY === true && isInterrupt(signal.reason)
    if (!isFromTerminal) child.kill('SIGTERM')
  }
  signal.addEventListener('abort', pass, { once: true })
  const [code]: unknown[] = await once(child, 'exit')
  signal.removeEventListener('abort', pass)
  return typeof code === 'number' ? code : -1
}

function isInterrupt(reason: unknown): boolean {
  return reason instanceof InterruptedError && reason.signal === 'SIGINT'
}

function expunge(args: readonly string[]): [command: string, args: string[]] {
  return [process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args]]
}

/** A demo must not touch the user's Redis, org or folders. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(?:SALESFORCE_|EXPUNGE_|REDIS_URL|LOG_LEVEL$|HTTPS?_PROXY$)/i
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)))
}
