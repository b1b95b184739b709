/**
 * A whole run, as a user starts it: `expunge run` in a process of its own against a sandbox in another,
 * with a Redis of its own. The server's own time is what its jobs took from the close to their end.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { writeIdFile } from '../id-file.ts'
import { type Measured, measure } from '../measured-process.ts'
import { expungeRun } from '../peers/expunge.ts'
import {
  aheadSeconds,
  callsOf,
  DIST,
  serverSeconds,
  startSandboxProcess,
} from '../sandbox-process.ts'
import type { Figures, Scope, Table, Way } from '../table.ts'

interface Case {
  readonly flags: readonly string[]
  /** Sends one ahead, as a run does by default. */
  readonly canary?: boolean
}

const CASES = {
  deleted: { flags: [] },
  failing: { flags: ['--fail', '1'] },
  'deleted after a canary': { flags: [], canary: true },
} satisfies Readonly<Record<string, Case>>

const receiptSchema = z.object({
  plan: z.object({ accepted: z.number() }),
  outcome: z.object({ deleted: z.number(), failed: z.number() }),
})

export const cycle: Table = {
  name: 'cycle',
  title: 'Whole runs (`expunge run`, built); of all ids and of a fiftieth',
  size: { full: 5_200_000, quick: 5_000 },
  rounds: 3,
  figure: 'beyond µs an id',
  ways: (size, scope) => waysOf([size / 50, size], CASES, scope),
}

const { deleted, failing } = CASES

export const scale: Table = {
  name: 'scale',
  title:
    'Whole runs of several ingest jobs (`expunge run`, built); of all ids, a tenth and a 500th',
  size: { full: 50_000_000, quick: 5_000 },
  rounds: 1,
  figure: 'wall µs an id',
  ways: (size, scope) => waysOf([size / 500, size / 10, size], { deleted, failing }, scope),
}

/** Each case with each number of ids. All but the least are compared with the number before. */
async function waysOf(
  sizes: readonly number[],
  cases: Readonly<Record<string, Case>>,
  scope: Scope,
): Promise<readonly Way[]> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  scope.after(() => rm(folder, { recursive: true }))
  const counts = sizes.map(Math.round)
  const named = (name: string, ids: number) => `${ids.toLocaleString('en')} ${name}`
  const ways = []
  for (const [k, count] of counts.entries()) {
    const csv = join(folder, `${count}.csv`)
    await writeIdFile(csv, count)
    for (const [name, one] of Object.entries(cases)) {
      const less = counts[k - 1]
      ways.push({
        name: named(name, count),
        against: [
          ...(name === 'failing' ? [named('deleted', count)] : []),
          ...(less === undefined ? [] : [named(name, less)]),
        ],
        measure: () => runCase(one, count, { csv, folder }),
      })
    }
  }
  return ways
}

async function runCase(
  { flags, canary = false }: Case,
  count: number,
  task: { readonly csv: string; readonly folder: string },
): Promise<Figures> {
  const sandbox = await startSandboxProcess(DIST, flags)
  try {
    const { command, env } = expungeRun(DIST, sandbox.login, task, { canary })
    const run = await measure(command, env)
    assertWhole(run, count)
    const stats = await sandbox.stats()
    const server = serverSeconds(stats)
    const { processorSeconds, peakMiB } = await sandbox.vitals()
    return {
      'wall s': run.seconds,
      'wall µs an id': (run.seconds / count) * 1e6,
      'server s': server,
      'beyond s': run.seconds - server,
      'beyond µs an id': ((run.seconds - server) / count) * 1e6,
      'canary s': aheadSeconds(stats),
      'processor s': run.processorSeconds,
      'peak MiB': run.ownMiB,
      calls: callsOf(stats),
      'sandbox processor s': processorSeconds,
      'sandbox peak MiB': peakMiB,
    }
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
