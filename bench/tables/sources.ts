/**
 * How fast a worker plans the ids of each source (open, read, scan, distinct, stage), beside its raw
 * transport, which reads the same bytes and drops them. Servers run in other processes.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DeletionRequestInput } from '../../src/producer/producer.ts'
import { Bucket } from '../../src/shared/bucket/bucket.ts'
import type { BucketSettings } from '../../src/shared/bucket/settings.ts'
import type { SourcesConfig } from '../../src/shared/config/config.ts'
import type { Salesforce } from '../../src/shared/salesforce/client.ts'
import { NO_SOURCES } from '../../test/helpers/config.ts'
import { context, planByHand, plannerDeps, planningOrg } from '../../test/helpers/planning.ts'
import { postgresUnavailable, startPostgres, warehouseAt } from '../../test/helpers/postgres.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { startWorld } from '../../test/helpers/world.ts'
import { alone } from '../alone.ts'
import { writeIdFile } from '../id-file.ts'
import { startQueries } from '../query-source.ts'
import { SERVERS } from '../servers.ts'
import type { Scope, Table } from '../table.ts'

interface Served {
  readonly source: DeletionRequestInput['source']
  readonly upload?: AsyncIterable<Uint8Array>
  /** The section `sources` of the worker's configuration. */
  readonly settings?: SourcesConfig
  /** The org that is asked. */
  readonly salesforce?: Salesforce
  /** The same bytes by the transport alone, with as little as it needs. */
  raw(): AsyncIterable<Uint8Array>
}

const BLOCK = { highWaterMark: 512 * 1024 }

/** Each serves the ids of a CSV file. */
const SOURCES: Readonly<Record<string, (csv: string, scope: Scope) => Promise<Served>>> = {
  file: async (path) => ({
    source: { type: 'file', path },
    raw: () => createReadStream(path, BLOCK),
  }),
  http: async (path, scope) => {
    const server = fork(SERVERS, ['http', path])
    scope.after(async () => server.disconnect())
    const [origin]: string[] = await once(server, 'message')
    if (origin === undefined) throw new Error('The server told no origin.')
    return {
      source: { type: 'http', url: `${origin}/ids.csv` },
      settings: { ...NO_SOURCES, origins: new Map([[origin, { headers: {} }]]) },
      raw: async function* () {
        const [body]: IncomingMessage[] = await once(request(origin).end(), 'response')
        if (body !== undefined) yield* body
      },
    }
  },
  postgres: async (path) => {
    const server = await startPostgres()
    const table = server.unique('ids')
    await server.load(table, createReadStream(path, BLOCK))
    return {
      source: { type: 'postgres', connection: 'warehouse', query: `TABLE ${table}` },
      settings: warehouseAt(server.url()),
      raw: () => server.unload(table),
    }
  },
  s3: async (path, scope) => {
    const server = fork(SERVERS, ['s3', path])
    scope.after(async () => server.disconnect())
    const [settings]: BucketSettings[] = await once(server, 'message')
    if (settings === undefined) throw new Error('The server told no bucket.')
    return {
      source: { type: 's3', bucket: 'exports', key: 'ids.csv' },
      settings: { ...NO_SOURCES, buckets: new Map([['exports', settings]]) },
      raw: async function* () {
        const bucket = new Bucket(settings)
        yield* (await bucket.read('ids.csv')).body
        await bucket.close()
      },
    }
  },
  soql: async (path, scope) => {
    const { size } = await stat(path)
    const records = (size - 3) / ROW_BYTES
    const { query, ...served } = await startQueries(scope, records)
    return { ...served, source: { type: 'soql', query } }
  },
  upload: async (path) => ({
    source: { type: 'upload' },
    upload: createReadStream(path, BLOCK),
    raw: () => createReadStream(path, BLOCK),
  }),
}

/** An id of 18 characters and a line feed; the header has 3 bytes. */
const ROW_BYTES = 19

export const sources: Table = {
  name: 'sources',
  title: 'Planning from each source, staging included, beside its raw transport',
  size: { full: 5_000_000, quick: 10_000 },
  rounds: 3,
  figure: 'MB/s',
  ways: async (count, scope) => {
    const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
    scope.after(() => rm(folder, { recursive: true }))
    const csv = join(folder, 'ids.csv')
    await writeIdFile(csv, count)
    const mb = (await stat(csv)).size / 1e6
    const isMissing = await postgresUnavailable()
    const names = Object.keys(SOURCES).filter((name) => name !== 'postgres' || !isMissing)
    const steps = [transport, planned]
    return names.flatMap((name) =>
      steps.map((step) => ({
        name: `${name}: ${step.name}`,
        ...(step === transport ? {} : { against: [`${name}: ${transport.name}`] }),
        measure: async () => {
          const figures = await alone(import.meta.filename, step, name, csv)
          return { 'MB/s': mb / figures['wall s'], ...figures }
        },
      })),
    )
  },
}

export async function transport(scope: Scope, name: string, csv: string) {
  const served = await serve(name, csv, scope)
  return async () => {
    for await (const _ of served.raw());
    return {}
  }
}

export async function planned(scope: Scope, name: string, csv: string) {
  const redis = await startRedis(scope)
  const world = await startWorld(scope, { redis, org: { maxRecords: 100_000_000 } })
  const { source, upload, settings, salesforce } = await serve(name, csv, scope)
  const request = { org: world.org, object: 'Contact', source, dryRun: true }
  const { id } = (await world.producer.submit(request, upload)).request
  const deps = await plannerDeps(world)
  const own = {
    ...deps,
    sources: settings ?? deps.sources,
    salesforce: salesforce === undefined ? null : planningOrg(world, salesforce),
    rails: { ...deps.rails, fileRoots: [tmpdir()], maxRecords: 100_000_000 },
  }
  return async () => {
    await planByHand(world, id, own, context())
    const { status = null, plan = null } =
      (await world.producer.inspect(id, { org: world.org })) ?? {}
    if (status !== 'planned') throw new Error(`expected a plan, got ${status}`)
    if (plan === null || plan.accepted === 0) throw new Error('expected ids in the plan')
    return {}
  }
}

async function serve(name: string, csv: string, scope: Scope): Promise<Served> {
  const one = SOURCES[name]
  if (one === undefined) throw new Error(`expected one of ${Object.keys(SOURCES)}, got ${name}`)
  return one(csv, scope)
}
