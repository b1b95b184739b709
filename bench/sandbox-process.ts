import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { peakMiB, processorSecondsOf } from './measured-process.ts'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** The `expunge` command from its sources, and as it is published (after `npm run build`). */
export const SOURCES = join(ROOT, 'src/cli/main.ts')
export const DIST = join(ROOT, 'dist/cli/main.js')

const loginSchema = z.object({ url: z.string(), clientId: z.string(), clientSecret: z.string() })
export type Login = z.output<typeof loginSchema>

const statsSchema = z.object({
  calls: z.record(z.string(), z.object({ received: z.number() })),
  jobs: z.array(
    z.object({
      state: z.string(),
      createdAt: z.number(),
      closedAt: z.number().nullable(),
      finishedAt: z.number().nullable(),
    }),
  ),
})
export type Stats = z.output<typeof statsSchema>

/** A sandbox in a process of its own, so that its work and memory are nobody else's. */
export interface SandboxProcess {
  readonly login: Login
  stats(): Promise<Stats>
  /** Its processor time and peak memory so far. */
  vitals(): Promise<{ readonly processorSeconds: number; readonly peakMiB: number }>
  /** Adds a fault script. */
  spoil(fault: object): Promise<void>
  stop(): Promise<void>
}

export async function startSandboxProcess(
  main: string,
  flags: readonly string[] = [],
): Promise<SandboxProcess> {
  const args = [main, 'sandbox', '--port', '0', '--rows-per-second', '50000000', '--json', ...flags]
  const sandbox = spawn(execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const login = loginSchema.parse(JSON.parse(await firstLine(sandbox.stdout)))
  return {
    login,
    stats: async () => {
      const answer = await fetch(`${login.url}/__sandbox/stats`)
      return statsSchema.parse(await answer.json())
    },
    vitals: async () => {
      const pid = sandbox.pid ?? 0
      return { processorSeconds: await processorSecondsOf(pid), peakMiB: await peakMiB(pid) }
    },
    spoil: async (fault) => {
      const body = JSON.stringify(fault)
      const answer = await fetch(`${login.url}/__sandbox/faults`, { method: 'POST', body })
      if (!answer.ok) throw new Error(`The sandbox refused ${body}: ${await answer.text()}`)
    },
    stop: async () => {
      sandbox.kill()
      await once(sandbox, 'exit')
    },
  }
}

/** Seconds in which the server itself had a job to do: from its close to its end, jobs at once counted once. */
export function serverSeconds({ jobs }: Stats): number {
  let [busyMs, until] = [0, 0]
  for (const { closedAt, finishedAt } of jobs.toSorted((a, b) => closed(a) - closed(b))) {
    if (closedAt === null || finishedAt === null) continue
    busyMs += Math.max(0, finishedAt - Math.max(closedAt, until))
    until = Math.max(until, finishedAt)
  }
  return busyMs / 1000
}

const closed = ({ closedAt }: Stats['jobs'][number]) => closedAt ?? 0

/** Seconds by which the first job went ahead of the second; 0 where there is but one. */
export function aheadSeconds({ jobs }: Stats): number {
  const [first, second] = jobs.map(({ createdAt }) => createdAt).sort((a, b) => a - b)
  return first === undefined || second === undefined ? 0 : (second - first) / 1000
}

export function callsOf({ calls }: Stats): number {
  return Object.values(calls).reduce((sum, { received }) => sum + received, 0)
}

const tokenSchema = z.object({ access_token: z.string() })

/** An access token, for clients that are given one. */
export async function accessToken({ url, clientId, clientSecret }: Login): Promise<string> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
  })
  const answer = await fetch(`${url}/services/oauth2/token`, { method: 'POST', body })
  return tokenSchema.parse(await answer.json()).access_token
}

export async function firstLine(stream: AsyncIterable<Buffer>): Promise<string> {
  let line = ''
  for await (const block of stream) {
    line += block
    if (line.includes('\n')) break
  }
  return line
}
