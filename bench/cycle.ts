/**
 * A whole run, as a user starts it: `expunge run` in a process of its own against a sandbox in
 * another, with a Redis of its own. Wall time and peak memory of the run's process; the server's own
 * time is what its jobs took from the close to their end.
 *
 *   node bench/cycle.ts [ids, default 100000,1000000,5200000] [--built] [--canary]
 *
 * `--built` runs dist/ (after `npm run build`), as the published package does; else the sources.
 * `--canary` sends one ahead, as a run does by default, and says for how long it holds the rest back; else
 * all is one job.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv } from 'node:process'
import { z } from 'zod'
import { writeIdFile } from './id-file.ts'
import { type Measured, measure } from './measured-process.ts'
import { expungeRun } from './peers/expunge.ts'
import {
  aheadSeconds,
  callsOf,
  DIST,
  SOURCES,
  serverSeconds,
  startSandboxProcess,
} from './sandbox-process.ts'

const MAIN = argv.includes('--built') ? DIST : SOURCES
const canary = argv.includes('--canary')
const counts = (argv[2]?.startsWith('--') ? undefined : argv[2]) ?? '100000,1000000,5200000'

const CASES = {
  'all deleted': [],
  'all failing': ['--fail', '1'],
} as const

const receiptSchema = z.object({
  plan: z.object({ accepted: z.number() }),
  outcome: z.object({ deleted: z.number(), failed: z.number() }),
})

console.log(
  row('case', 'ids', 'wall s', 'server s', 'beyond s', 'ahead s', 'user s', 'peak MiB', 'calls'),
)
const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
try {
  for (const count of counts.split(',').map(Number)) {
    const csv = join(folder, `${count}.csv`)
    await writeIdFile(csv, count)
    for (const [name, flags] of Object.entries(CASES)) await runCase(name, count, csv, flags)
    await rm(csv)
  }
} finally {
  await rm(folder, { recursive: true })
}

async function runCase(
  name: string,
  count: number,
  csv: string,
  flags: readonly string[],
): Promise<void> {
  const sandbox = await startSandboxProcess(MAIN, flags)
  try {
    const { command, env } = expungeRun(MAIN, sandbox.login, { csv, folder }, { canary })
    const run = await measure(command, env)
    assertWhole(run, count)
    const stats = await sandbox.stats()
    const server = serverSeconds(stats)
    const times = [run.seconds, server, run.seconds - server, aheadSeconds(stats), run.userSeconds]
    const seconds = times.map((s) => s.toFixed(2))
    console.log(row(name, count, ...seconds, run.ownMiB, callsOf(stats)))
  } finally {
    await sandbox.stop()
  }
}

function assertWhole({ stdout, stderr }: Measured, count: number): void {
  if (stdout === '') throw new Error(`Expected a receipt, got none: ${stderr}`)
  const { plan, outcome } = receiptSchema.parse(JSON.parse(stdout))
  if (plan.accepted === count && outcome.deleted + outcome.failed === count) return
  throw new Error(`Expected ${count} verdicts, got ${stdout}`)
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return name.padEnd(14) + cells.map((cell) => String(cell).padStart(11)).join('')
}
