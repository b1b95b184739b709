/**
 * The same ids through Expunge and through the two tools people use today, each in a process of its
 * own against a fresh sandbox: all rows deleted, all rows failing, and one 503 on the upload.
 *
 *   npm --prefix bench install --ignore-scripts
 *   node bench/peers.ts [ids, default 1000000] [case, default all of them]
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv } from 'node:process'
import { writeIdFile } from './id-file.ts'
import { measure } from './measured-process.ts'
import { expungeBuilt, expungeFromSources } from './peers/expunge.ts'
import { jsforceStream } from './peers/jsforce.ts'
import type { Peer } from './peers/peer.ts'
import { sfResults, sfWait } from './peers/sf.ts'
import {
  callsOf,
  DIST,
  type SandboxProcess,
  SOURCES,
  serverSeconds,
  startSandboxProcess,
} from './sandbox-process.ts'

/** A job waits so long before it runs: no tool finds it done at its first look. */
const SERVER_FLAGS = ['--queue-delay', '2000']
const PUT_503 = { on: 'upload', nth: 1, action: { do: 'answer', status: 503, body: 'html' } }

interface Case {
  readonly flags: readonly string[]
  readonly fault?: object
  readonly peers?: readonly Peer[]
}

const PEERS: readonly Peer[] = [
  expungeFromSources,
  ...(existsSync(DIST) ? [expungeBuilt] : []),
  jsforceStream,
  sfWait,
  sfResults,
]
const CASES: Readonly<Record<string, Case>> = {
  'all deleted': { flags: [] },
  'all failing': { flags: ['--fail', '1'] },
  'one 503 on the PUT': {
    flags: [],
    fault: PUT_503,
    // No job ends, so there are no results to fetch.
    peers: PEERS.filter((peer) => peer !== sfResults),
  },
}
const COLUMNS = [
  'tool',
  'wall s',
  'beyond server s',
  'peak MiB',
  'with children',
  'calls',
  'rows accounted for',
  'jobs left open',
  'exit',
]

const count = Number(argv[2] ?? 1_000_000)
const only = argv[3]
const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
try {
  const csv = join(folder, 'ids.csv')
  await writeIdFile(csv, count)
  for (const [name, one] of Object.entries(CASES)) {
    if (only !== undefined && only !== name) continue
    console.log(`\n${name}, ${count.toLocaleString('en')} ids, load ${loadavg()[0]?.toFixed(1)}\n`)
    console.log(`| ${COLUMNS.join(' | ')} |\n|${COLUMNS.map(() => '---|').join('')}`)
    for (const peer of one.peers ?? PEERS) await runPeer(peer, one, csv)
  }
} finally {
  await rm(folder, { recursive: true })
}

async function runPeer(peer: Peer, { flags, fault }: Case, csv: string): Promise<void> {
  const sandbox = await startSandboxProcess(SOURCES, [...SERVER_FLAGS, ...flags])
  const home = await mkdtemp(join(folder, 'peer-'))
  try {
    if (fault) await sandbox.spoil(fault)
    const cells = await runAlone(peer, sandbox, { csv, folder: home })
    console.log(`| ${[peer.name, ...cells].join(' | ')} |`)
  } finally {
    await sandbox.stop()
    await rm(home, { recursive: true, force: true })
  }
}

async function runAlone(
  peer: Peer,
  sandbox: SandboxProcess,
  task: { csv: string; folder: string },
) {
  const run = await peer.prepare(sandbox.login, task)
  const before = await sandbox.stats()
  const done = await measure(run.command, run.env, task.folder)
  const stats = await sandbox.stats()
  const accounted = await run.accounted(done.stdout).catch(() => 0)
  if (accounted !== count) console.error(`${peer.name}: ${reason(done.stderr)}`)
  return [
    done.seconds.toFixed(1),
    (done.seconds - serverSeconds(stats) + serverSeconds(before)).toFixed(1),
    done.ownMiB,
    done.treeMiB,
    callsOf(stats) - callsOf(before),
    accounted.toLocaleString('en'),
    stats.jobs.filter(({ state }) => state === 'Open').length,
    done.exit,
  ]
}

/** The line of stderr that says most. */
function reason(stderr: string): string {
  const lines = stderr.trim().split('\n')
  return lines.find((line) => /error\b|fatal/i.test(line)) ?? lines.at(-1) ?? ''
}
