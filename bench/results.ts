/**
 * Results in a directory and in a bucket, side by side: parts of 100 MB each are joined to one file,
 * and `expunge run` lists ids that all fail. Each measurement has a process of its own, so that its
 * peak memory is its own; the S3 server, on loopback, runs in another.
 *
 *   node bench/results.ts [MB of parts, default 1000] [ids, default 5200000]
 */
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, cpuUsage, execPath, resourceUsage } from 'node:process'
import { promisify } from 'node:util'
import { openResultsStore } from '../src/shared/results/open.ts'
import type { ResultsPlace } from '../src/shared/results/results-store.ts'
import { bucketPlace, startBucket } from '../test/helpers/bucket-place.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { writeIdFile } from './id-file.ts'
import { measure } from './measured-process.ts'
import { expungeRun } from './peers/expunge.ts'
import { SOURCES, startSandboxProcess } from './sandbox-process.ts'

const [, own = '', first = '1000', second = '5200000'] = argv
const PART_MB = 100
const MB = 1_000_000

if (first === '--serve') await serve()
else if (first === '--join') console.log(await writeAndJoin(JSON.parse(second)))
else await measureAll(Number(first), Number(second))

/** The server of the bucket, until its parent ends. */
async function serve(): Promise<void> {
  const closing = new AsyncDisposableStack()
  const s3 = await startBucket(inReverse((end) => closing.defer(end)))
  process.once('disconnect', () => closing.disposeAsync())
  process.send?.(bucketPlace(s3, 'bench'))
}

async function measureAll(megabytes: number, ids: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  const server = fork(own, ['--serve'])
  try {
    const [bucket]: ResultsPlace[] = await once(server, 'message')
    if (bucket?.kind !== 'bucket') throw new Error('The server told no place.')
    const places: ResultsPlace[] = [{ kind: 'directory', path: join(folder, 'results') }, bucket]
    console.log(row('joined', 'MB', 'write s', 'user s', 'join s', 'user s', 'peak MiB'))
    for (const place of places) {
      const given = JSON.stringify({ place, megabytes })
      const { stdout } = await promisify(execFile)(execPath, [own, '--join', given])
      console.log(row(place.kind, megabytes, ...JSON.parse(stdout)))
    }
    console.log(row('run', 'ids', 'wall s', 'user s', 'peak MiB'))
    const { name, key, pathStyle: _, ...settings } = bucket.settings
    const config = join(folder, 'expunge.yaml')
    const buckets = { [name]: { ...settings, ...key } }
    await writeFile(config, JSON.stringify({ sources: { buckets } }))
    const csv = join(folder, 'ids.csv')
    await writeIdFile(csv, ids)
    for (const place of places) {
      const sandbox = await startSandboxProcess(SOURCES, ['--fail', '1'])
      const { command, env } = expungeRun(SOURCES, sandbox.login, { csv, folder })
      const results = ['--results', place.path]
      const run = await measure([...command.slice(0, -2), ...results], {
        ...env,
        EXPUNGE_CONFIG: config,
      })
      if (run.exit !== 1) throw new Error(run.stderr)
      const { seconds, userSeconds, ownMiB } = run
      console.log(row(place.kind, ids, seconds.toFixed(1), userSeconds.toFixed(1), ownMiB))
      await sandbox.stop()
    }
  } finally {
    server.disconnect()
    await rm(folder, { recursive: true })
  }
}

interface Join {
  readonly place: ResultsPlace
  readonly megabytes: number
}

async function writeAndJoin({ place, megabytes }: Join): Promise<string> {
  const store = await openResultsStore(place)
  const request = { org: 'default', id: 'bench' }
  const row = Buffer.from(`003000000000000AAA,DELETE_FAILED,"${'x'.repeat(118)}"\n`)
  let at = performance.now()
  let used = cpuUsage()
  /** Seconds of the clock and of the processor since the last call. */
  const lap = () => {
    const seconds = [(performance.now() - at) / 1000, cpuUsage(used).user / 1_000_000]
    at = performance.now()
    used = cpuUsage()
    return seconds.map((one) => one.toFixed(1))
  }
  const parts = []
  for (let part = 0; part * PART_MB < megabytes; part++) {
    const writer = store.partWriter(request, 'failed', `${part}.1`)
    for (let bytes = 0; bytes < PART_MB * MB; bytes += row.length) {
      writer.append(row, 1)
      await writer.drain()
    }
    parts.push((await writer.commit()) ?? [])
  }
  const write = lap()
  const { broken } = await store.joinParts(request, 'failed', parts.flat())
  if (broken.length > 0) throw new Error('A part was not as it was written.')
  const join = lap()
  await store.close()
  return JSON.stringify([...write, ...join, Math.round(resourceUsage().maxRSS / 1024)])
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return name.padEnd(12) + cells.map((cell) => String(cell).padStart(11)).join('')
}
