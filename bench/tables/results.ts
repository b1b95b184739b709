/**
 * Results in a directory and in a bucket, side by side: parts of 100 MB each are joined to one file, and
 * `expunge run` lists ids that all fail. The S3 server, on loopback, runs in a process of its own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openResultsStore } from '../../src/shared/results/open.ts'
import type { ResultsPlace } from '../../src/shared/results/results-store.ts'
import { alone } from '../alone.ts'
import { writeIdFile } from '../id-file.ts'
import { measure } from '../measured-process.ts'
import { expungeRun } from '../peers/expunge.ts'
import { DIST, startSandboxProcess } from '../sandbox-process.ts'
import { SERVERS } from '../servers.ts'
import type { Scope, Table } from '../table.ts'

const PARTS = 10
/** Of a row that failed, about; so the parts hold as many rows as the run. */
const ROW_BYTES = 190

export const results: Table = {
  name: 'results',
  title:
    'Results in a directory and in a bucket: parts joined to one file, and a run whose rows all fail',
  size: { full: 5_200_000, quick: 5_000 },
  rounds: 3,
  figure: 'processor s',
  ways: async (ids, scope) => {
    const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
    scope.after(() => rm(folder, { recursive: true }))
    const server = fork(SERVERS, ['bucket'])
    scope.after(async () => server.disconnect())
    const [bucket]: ResultsPlace[] = await once(server, 'message')
    if (bucket?.kind !== 'bucket') throw new Error('The server told no place.')
    const places: ResultsPlace[] = [{ kind: 'directory', path: join(folder, 'results') }, bucket]
    const { name, key, pathStyle: _, ...settings } = bucket.settings
    const config = join(folder, 'expunge.yaml')
    const buckets = { [name]: { ...settings, ...key } }
    await writeFile(config, JSON.stringify({ sources: { buckets } }))
    const csv = join(folder, 'ids.csv')
    await writeIdFile(csv, ids)
    return [
      ...places.map((place) => ({
        name: `join, ${place.kind}`,
        against: place.kind === 'bucket' ? ['join, directory'] : [],
        measure: () => alone(import.meta.filename, joined, place, ids * ROW_BYTES),
      })),
      ...places.map((place) => ({
        name: `run, ${place.kind}`,
        against: place.kind === 'bucket' ? ['run, directory'] : [],
        measure: () => runInto(place, { csv, folder, config }),
      })),
    ]
  },
}

async function runInto(
  place: ResultsPlace,
  { csv, folder, config }: { csv: string; folder: string; config: string },
) {
  const sandbox = await startSandboxProcess(DIST, ['--fail', '1'])
  try {
    const { command, env } = expungeRun(DIST, sandbox.login, { csv, folder })
    const results = ['--results', place.path]
    const run = await measure([...command.slice(0, -2), ...results], {
      ...env,
      EXPUNGE_CONFIG: config,
    })
    if (run.exit !== 1) throw new Error(run.stderr)
    return {
      'wall s': run.seconds,
      'processor s': run.processorSeconds,
      'peak MiB': run.ownMiB,
    }
  } finally {
    await sandbox.stop()
  }
}

export async function joined(scope: Scope, place: ResultsPlace, bytes: number) {
  const store = await openResultsStore(place)
  scope.after(() => store.close())
  const request = { org: 'default', id: 'bench' }
  const row = Buffer.from(`003000000000000AAA,DELETE_FAILED,"${'x'.repeat(118)}"\n`)
  return async () => {
    const begun = performance.now()
    const parts = []
    for (let part = 0; part < PARTS; part++) {
      const writer = store.partWriter(request, 'failed', `${part}.1`)
      for (let written = 0; written < bytes / PARTS; written += row.length) {
        writer.append(row, 1)
        await writer.drain()
      }
      parts.push((await writer.commit()) ?? [])
    }
    const written = performance.now()
    const { broken } = await store.joinParts(request, 'failed', parts.flat())
    if (broken.length > 0) throw new Error('A part was not as it was written.')
    return { 'write s': (written - begun) / 1000, 'join s': (performance.now() - written) / 1000 }
  }
}
