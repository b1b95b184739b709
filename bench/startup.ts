/**
 * How long the command line takes to start, beside the sf CLI, and how long a small run takes beside
 * its job: ten ids, a job of half a second, with the start of Redis and the login. Medians of all
 * tries, each in a process of its own.
 *
 *   npm run build && node bench/startup.ts [tries, default 10]
 *
 * The rows of the sf CLI need `npm --prefix bench install --ignore-scripts`.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, execPath, env as ownEnv } from 'node:process'
import { promisify } from 'node:util'
import { writeIdFile } from './id-file.ts'
import { median } from './median.ts'
import { expungeRun } from './peers/expunge.ts'
import { QUIET, SF_PROGRAM } from './peers/sf.ts'
import { DIST, ROOT, type SandboxProcess, startSandboxProcess } from './sandbox-process.ts'

const TRIES = Number(argv[2] ?? 10)
const JOB_MS = 500
const IDS = 10
/** Answers `--version` itself; in a clone it starts the sources for all else. */
const LAUNCHER = join(ROOT, 'bin/expunge.js')

type Env = Readonly<Record<string, string>>
const exec = promisify(execFile)

console.log(row('command', 'wall ms', 'processor ms'))
const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
const sandbox = await startSandboxProcess(DIST, ['--queue-delay', String(JOB_MS)])
try {
  const csv = join(folder, 'ids.csv')
  await writeIdFile(csv, IDS)
  const run = expungeRun(DIST, sandbox.login, { csv, folder })
  await repeated([...run.command, '--id', 'known'], run.env, 1)

  await report('node -e 0', [execPath, '-e', '0'])
  for (const args of ['--version', '--help', 'help run', 'completion bash', 'status known']) {
    await report(
      `expunge ${args}`,
      [execPath, args === '--version' ? LAUNCHER : DIST, ...args.split(' ')],
      run.env,
    )
  }
  if (existsSync(SF_PROGRAM)) {
    const env = { ...QUIET, HOME: folder }
    await report('sf --version', [execPath, SF_PROGRAM, '--version'], env)
    await report('sf data delete bulk --help', [
      ...[execPath, SF_PROGRAM, 'data', 'delete', 'bulk', '--help'],
    ])
  }
  await reportRuns(run)
} finally {
  await sandbox.stop()
  await rm(folder, { recursive: true })
}

async function report(name: string, command: readonly string[], env: Env = {}): Promise<void> {
  const tries = await repeated(command, env, TRIES)
  const [wall, processor] = [tries.map(({ wall }) => wall), tries.map((one) => one.processor)]
  console.log(row(name, median(wall).toFixed(0), median(processor).toFixed(0)))
}

/** Wall time of a run, split at the moments that the sandbox knows of its job. */
async function reportRuns({ command, env }: { command: readonly string[]; env: Env }) {
  const parts: Record<'wall' | 'processor' | 'before' | 'sending' | 'job' | 'after', number>[] = []
  for (let n = 0; n < TRIES; n++) {
    const begun = Date.now()
    const [{ wall, processor } = { wall: 0, processor: 0 }] = await repeated(command, env, 1)
    const ended = Date.now()
    const { createdAt, closedAt, finishedAt } = await lastJob(sandbox)
    parts.push({
      ...{ wall, processor },
      before: createdAt - begun,
      sending: closedAt - createdAt,
      job: finishedAt - closedAt,
      after: ended - finishedAt,
    })
  }
  const of = (part: keyof (typeof parts)[number]) =>
    median(parts.map((one) => one[part])).toFixed(0)
  console.log(row(`expunge run, ${IDS} ids`, of('wall'), of('processor')))
  console.log(
    `  of which ${of('before')} ms before the job is created, ${of('sending')} ms until it is closed, ` +
      `${of('job')} ms of the job, ${of('after')} ms from its end to that of the command`,
  )
}

async function lastJob(from: SandboxProcess) {
  const { closedAt, finishedAt, createdAt } = (await from.stats()).jobs.at(-1) ?? {}
  if (!createdAt || !closedAt || !finishedAt) throw new Error('Expected a job that has ended.')
  return { createdAt, closedAt, finishedAt }
}

/** Wall and processor time in ms; the shell counts the processor time of all its children. */
async function repeated(command: readonly string[], env: Env, times: number) {
  const tries = []
  for (let n = 0; n < times; n++) {
    const { stderr } = await exec(
      'bash',
      ['-c', 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null', 'time', ...command],
      { env: { ...ownEnv, ...env } },
    )
    const [wall = 0, user = 0, system = 0] =
      stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? []
    tries.push({ wall: wall * 1000, processor: (user + system) * 1000 })
  }
  return tries
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(30) + cells.map((cell) => cell.padStart(14)).join('')
}
