/**
 * How long the command line takes to start, beside the sf CLI, and how long a small run takes beside
 * its job: ten ids, a job of half a second, with the start of Redis and the login.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath, env as ownEnv } from 'node:process'
import { promisify } from 'node:util'
import { writeIdFile } from '../id-file.ts'
import { expungeRun } from '../peers/expunge.ts'
import { QUIET, SF_PROGRAM } from '../peers/sf.ts'
import { DIST, ROOT, type SandboxProcess, startSandboxProcess } from '../sandbox-process.ts'
import type { Figures, Table, Way } from '../table.ts'

const JOB_MS = 500
const IDS = 10
/** Answers `--version` itself; in a clone it starts the sources for all else. */
const LAUNCHER = join(ROOT, 'bin/expunge.js')

type Env = Readonly<Record<string, string>>
const exec = promisify(execFile)

export const startup: Table = {
  name: 'startup',
  title:
    'The start of commands, and a run of ten ids from start to end (job of 0.5 s, own Redis, login)',
  // Of each command in each round.
  size: { full: 1, quick: 1 },
  rounds: 10,
  figure: 'wall ms',
  ways: async (_, scope) => {
    const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
    scope.after(() => rm(folder, { recursive: true }))
    const sandbox = await startSandboxProcess(DIST, ['--queue-delay', String(JOB_MS)])
    scope.after(() => sandbox.stop())
    const csv = join(folder, 'ids.csv')
    await writeIdFile(csv, IDS)
    const run = expungeRun(DIST, sandbox.login, { csv, folder })
    await timed([...run.command, '--id', 'known'], run.env)
    return [
      started('node -e 0', [execPath, '-e', '0']),
      ...['--version', '--help', 'help run', 'completion bash', 'status known'].map((args) => {
        const main = args === '--version' ? LAUNCHER : DIST
        const against = args === '--version' ? ['sf --version'] : []
        return started(`expunge ${args}`, [execPath, main, ...args.split(' ')], run.env, against)
      }),
      ...(existsSync(SF_PROGRAM)
        ? ['--version', 'data delete bulk --help'].map((args) =>
            started(`sf ${args}`, [execPath, SF_PROGRAM, ...args.split(' ')], {
              ...QUIET,
              HOME: folder,
            }),
          )
        : []),
      { name: `expunge run, ${IDS} ids`, measure: () => runOnce(run, sandbox) },
    ]
  },
}

function started(
  name: string,
  command: readonly string[],
  env: Env = {},
  against: readonly string[] = [],
): Way {
  return { name, against, measure: () => timed(command, env) }
}

/** Wall time of a run, split at the moments that the sandbox knows of its job. */
async function runOnce(
  { command, env }: { readonly command: readonly string[]; readonly env: Env },
  sandbox: SandboxProcess,
): Promise<Figures> {
  const begun = Date.now()
  const times = await timed(command, env)
  const ended = Date.now()
  const { createdAt, closedAt, finishedAt } = (await sandbox.stats()).jobs.at(-1) ?? {}
  if (!createdAt || !closedAt || !finishedAt) throw new Error('Expected a job that has ended.')
  return {
    ...times,
    'before the job ms': createdAt - begun,
    'create to close ms': closedAt - createdAt,
    'job ms': finishedAt - closedAt,
    'after the job ms': ended - finishedAt,
    'beyond the job ms': times['wall ms'] - (finishedAt - closedAt),
  }
}

/** Wall and processor time in ms; the shell counts the processor time of all its children. */
async function timed(command: readonly string[], env: Env) {
  const { stderr } = await exec(
    'bash',
    ['-c', 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null', 'time', ...command],
    { env: { ...ownEnv, ...env } },
  )
  const [wall = 0, user = 0, system = 0] =
    stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? []
  return { 'wall ms': wall * 1000, 'processor ms': (user + system) * 1000 }
}
