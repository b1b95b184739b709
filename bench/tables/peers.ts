/**
 * The same ids through Expunge and through the tools people use today, each in a process of its own
 * against a fresh sandbox: all rows deleted, all rows failing, and one 503 on the upload.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeIdFile } from '../id-file.ts'
import { measure } from '../measured-process.ts'
import { expungeBuilt, expungeFromSources } from '../peers/expunge.ts'
import { jsforceStream } from '../peers/jsforce.ts'
import type { Peer } from '../peers/peer.ts'
import { sfResults, sfWait } from '../peers/sf.ts'
import { simpleSalesforce } from '../peers/simple-salesforce.ts'
import { callsOf, SOURCES, serverSeconds, startSandboxProcess } from '../sandbox-process.ts'
import type { Figures, Table } from '../table.ts'

/** A job waits so long before it runs: no tool finds it done at its first look. */
const SERVER_FLAGS = ['--queue-delay', '2000']
const PUT_503 = { on: 'upload', nth: 1, action: { do: 'answer', status: 503, body: 'html' } }

const OURS: readonly Peer[] = [expungeFromSources, expungeBuilt]
const RIVALS: readonly Peer[] = [jsforceStream, simpleSalesforce, sfWait, sfResults]

interface Case {
  readonly name: string
  readonly title: string
  readonly flags: readonly string[]
  readonly fault?: object
  readonly rivals: readonly Peer[]
}

const CASES: readonly Case[] = [
  { name: 'peers-deleted', title: 'All rows deleted', flags: [], rivals: RIVALS },
  { name: 'peers-failing', title: 'All rows failing', flags: ['--fail', '1'], rivals: RIVALS },
  {
    name: 'peers-503',
    title: 'One 503 on the PUT',
    flags: [],
    fault: PUT_503,
    // No job ends, so there are no results to fetch.
    rivals: RIVALS.filter((peer) => peer !== sfResults),
  },
]

export const peers: readonly Table[] = CASES.map((one) => ({
  name: one.name,
  title: one.title,
  size: { full: 5_200_000, quick: 1_000 },
  rounds: 3,
  figure: 'beyond server s',
  ways: async (count, scope) => {
    const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
    scope.after(() => rm(folder, { recursive: true }))
    const csv = join(folder, 'ids.csv')
    await writeIdFile(csv, count)
    const rivals = one.rivals.filter((peer) => peer.isInstalled())
    const missing = one.rivals.filter((peer) => !peer.isInstalled())
    const ways = (all: readonly Peer[], against: readonly string[]) =>
      all.map((peer) => ({
        name: peer.name,
        against,
        measure: () => runPeer(peer, one, { csv, folder, count }),
      }))
    return [
      ...ways(
        OURS,
        rivals.map(({ name }) => name),
      ),
      ...ways(rivals, []),
      ...missing.map(({ name }) => ({
        name,
        measure: async () => ({ 'rows accounted for': 'not installed' }),
      })),
    ]
  },
}))

async function runPeer(
  peer: Peer,
  { flags, fault }: Case,
  { csv, folder, count }: { readonly csv: string; readonly folder: string; readonly count: number },
): Promise<Figures> {
  const sandbox = await startSandboxProcess(SOURCES, [...SERVER_FLAGS, ...flags])
  const home = await mkdtemp(join(folder, 'peer-'))
  try {
    if (fault) await sandbox.spoil(fault)
    const run = await peer.prepare(sandbox.login, { csv, folder: home })
    const before = await sandbox.stats()
    const done = await measure(run.command, run.env, home)
    const stats = await sandbox.stats()
    const accounted = await run.accounted(done.stdout).catch(() => 0)
    if (accounted !== count) console.error(`${peer.name}: ${reason(done.stderr)}`)
    return {
      'wall s': done.seconds,
      'beyond server s': done.seconds - serverSeconds(stats) + serverSeconds(before),
      'processor s': done.processorSeconds,
      'peak MiB': done.ownMiB,
      'with children': done.treeMiB,
      calls: callsOf(stats) - callsOf(before),
      'rows accounted for': accounted,
      'jobs left open': stats.jobs.filter(({ state }) => state === 'Open').length,
      exit: String(done.exit),
    }
  } finally {
    await sandbox.stop()
    await rm(home, { recursive: true, force: true })
  }
}

/** The line of stderr that says most. */
function reason(stderr: string): string {
  const lines = stderr.trim().split('\n')
  return lines.find((line) => /error\b|fatal/i.test(line)) ?? lines.at(-1) ?? ''
}
