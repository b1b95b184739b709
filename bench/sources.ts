/**
 * How fast a worker plans the ids of each source (open, read, scan, distinct, stage), beside its raw
 * transport, which reads the same bytes and drops them. Each measurement has a process of its own, so
 * that its peak memory is its own; servers run in other processes.
 *
 *   node bench/sources.ts [ids, default 5000000] [source ...]
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, execPath, resourceUsage } from 'node:process'
import type { DeletionRequestInput } from '../src/producer/producer.ts'
import { Bucket } from '../src/shared/bucket/bucket.ts'
import type { BucketSettings } from '../src/shared/bucket/settings.ts'
import type { SourcesConfig } from '../src/shared/config/config.ts'
import type { Salesforce } from '../src/shared/salesforce/client.ts'
import { NO_SOURCES } from '../test/helpers/config.ts'
import { listenHere } from '../test/helpers/http-server.ts'
import { context, planByHand, plannerDeps, planningOrg } from '../test/helpers/planning.ts'
import { startPostgres, warehouseAt } from '../test/helpers/postgres.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { startS3 } from '../test/helpers/s3.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { startWorld } from '../test/helpers/world.ts'
import { writeIdFile } from './id-file.ts'
import { median } from './median.ts'
import { startQueries } from './query-source.ts'

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

type Scope = Parameters<typeof startRedis>[0]

const BLOCK = { highWaterMark: 512 * 1024 }

/** Each serves the ids of a CSV file. */
const SOURCES: Readonly<Record<string, (csv: string, scope: Scope) => Promise<Served>>> = {
  file: async (path) => ({
    source: { type: 'file', path },
    raw: () => createReadStream(path, BLOCK),
  }),
  http: async (path, scope) => {
    const server = fork(import.meta.filename, ['http-server', path])
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
    const server = fork(import.meta.filename, ['s3-server', path])
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
const RUNS = 3
const CASES = { raw: readAlone, plan: planAlone }
type Case = keyof typeof CASES
const isCase = (text: string): text is Case => Object.hasOwn(CASES, text)

const [, , first = '5000000', ...rest] = argv
if (first === 'http-server') await serveFile(rest[0] ?? '')
else if (first === 's3-server') await serveBucket(rest[0] ?? '')
else if (isCase(first)) await CASES[first](rest[0] ?? '', rest[1] ?? '')
else await compareAll(Number(first), rest.length > 0 ? rest : Object.keys(SOURCES))

/** An HTTP server, until its parent ends. */
async function serveFile(csv: string): Promise<void> {
  const closing = new AsyncDisposableStack()
  const { size } = await stat(csv)
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': size, etag: '"1"' })
    createReadStream(csv, BLOCK).pipe(response)
  })
  const origin = await listenHere(
    inReverse((end) => closing.defer(end)),
    server,
  )
  process.once('disconnect', () => closing.disposeAsync())
  process.send?.(origin)
}

/** The S3 server, until its parent ends. */
async function serveBucket(csv: string): Promise<void> {
  const closing = new AsyncDisposableStack()
  const s3 = await startS3(inReverse((end) => closing.defer(end)))
  await s3.createBucket('exports')
  await s3.put('exports', 'ids.csv', await readFile(csv))
  process.once('disconnect', () => closing.disposeAsync())
  process.send?.(s3.bucket('exports'))
}

async function compareAll(count: number, names: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  try {
    const csv = join(folder, 'ids.csv')
    await writeIdFile(csv, count)
    const mb = (await stat(csv)).size / 1e6
    console.log(`${count} ids, ${mb.toFixed(1)} MB, ${RUNS} runs\n`)
    console.log(
      '| source | raw, MB/s | plan, MB/s | plan, ids/s | of the raw transport | peak, MiB |',
    )
    console.log('|---|---|---|---|---|---|')
    for (const name of names) {
      const runs = Array.from({ length: RUNS }, () => ({
        raw: runAlone('raw', name, csv),
        plan: runAlone('plan', name, csv),
      }))
      const raw = median(runs.map((run) => run.raw.ms))
      const plan = median(runs.map((run) => run.plan.ms))
      const peak = Math.max(...runs.map((run) => run.plan.rss))
      const speed = (ms: number) => ((mb / ms) * 1000).toFixed(0)
      const rate = Math.round((count / plan) * 1000).toLocaleString('en')
      console.log(
        `| ${name} | ${speed(raw)} | ${speed(plan)} | ${rate} | ${(raw / plan).toFixed(2)} | ${peak} |`,
      )
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

function runAlone(on: Case, name: string, csv: string): { ms: number; rss: number } {
  return JSON.parse(
    execFileSync(execPath, [import.meta.filename, on, name, csv], { encoding: 'utf8' }),
  )
}

async function readAlone(name: string, csv: string): Promise<void> {
  await measured(async (scope) => {
    const served = await serve(name, csv, scope)
    return async () => {
      for await (const _ of served.raw());
    }
  })
}

async function planAlone(name: string, csv: string): Promise<void> {
  await measured(async (scope) => {
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
    }
  })
}

async function serve(name: string, csv: string, scope: Scope): Promise<Served> {
  const one = SOURCES[name]
  if (one === undefined) throw new Error(`expected one of ${Object.keys(SOURCES)}, got ${name}`)
  return one(csv, scope)
}

/** Prints the time of what `prepare` returns, and the peak of this process. */
async function measured(prepare: (scope: Scope) => Promise<() => Promise<void>>): Promise<void> {
  const closers: (() => Promise<void>)[] = []
  const scope = inReverse((close) => closers.push(close))
  try {
    const work = await prepare(scope)
    const start = performance.now()
    await work()
    const ms = performance.now() - start
    console.log(JSON.stringify({ ms, rss: Math.round(resourceUsage().maxRSS / 1024) }))
  } finally {
    for (const close of closers) await close()
  }
}
