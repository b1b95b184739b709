/**
 * An upload of staged chunks (fetched from Redis, unpacked, checked, made CSV rows) beside the same
 * bytes piped from a file into the same PUT: of the sandbox, which parses what it gets and shares two
 * cores with us, and of a server that only reads. Both ways in turn; processor time is this process's.
 *
 *   node bench/upload.ts [ids, default 5200000]
 */
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, cpuUsage } from 'node:process'
import { pipeline } from 'node:stream/promises'
import { createSalesforce } from '../src/shared/salesforce/client.ts'
import type { ChunkRef } from '../src/shared/store/ledger/chunk.ts'
import { openOrgStore } from '../src/shared/store/org-store.ts'
import { connectRedis } from '../src/shared/store/redis/redis.ts'
import type { Staging } from '../src/shared/store/staging/staging.ts'
import { ChunkStager } from '../src/worker/ids/chunk-stager.ts'
import { csvBody, csvLength } from '../src/worker/ids/delete-csv.ts'
import { scan } from '../src/worker/plan/scan.ts'
import { readFileOnce } from '../src/worker/sources/file.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { writeIdFile } from './id-file.ts'
import { median } from './median.ts'
import { accessToken, SOURCES, startSandboxProcess } from './sandbox-process.ts'
import { startSink } from './sink-process.ts'

const ROUNDS = 7
const LOT = { request: 'bench', lot: 'p-bench' }

/** Where the bytes go: a job that is made for each upload, and forgotten. */
interface Receiver {
  readonly url: string
  readonly token: string
  open(): Promise<string>
  close(job: string): Promise<void>
}

const count = Number(argv[2] ?? 5_200_000)
const closers: (() => Promise<void>)[] = []
const scope = inReverse((fn) => closers.push(fn))
try {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  scope.after(() => rm(folder, { recursive: true }))
  const csv = join(folder, 'ids.csv')
  await writeIdFile(csv, count)
  const staged = await stage(csv, folder)
  console.log(
    `${count} ids, ${ROUNDS} rounds\n\n` +
      '| into | way | MB/s, median | from | to | processor, s | of the file |\n|---|---|---|---|---|---|---|',
  )
  await compare('the sandbox', await sandbox(), csv, staged)
  await compare('a server that only reads', await sink(), csv, staged)
} finally {
  for (const close of closers) await close()
}

interface Staged {
  readonly chunks: readonly ChunkRef[]
  readonly staging: Staging
}

async function stage(csv: string, folder: string): Promise<Staged> {
  const redis = await startRedis(scope)
  const connection = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
  const { staging, close } = openOrgStore(connection, 'bench', () => {})
  scope.after(async () => {
    await close()
    connection.disconnect()
  })
  const stager = new ChunkStager(staging, LOT, { first: count, other: count })
  const source = readFileOnce({ path: csv, roots: [folder] })
  for await (const block of scan(source, { object: { name: 'Contact', prefix: '003' } })) {
    await stager.write(block.ids)
  }
  return { chunks: await stager.end(), staging }
}

async function compare(
  name: string,
  { url, token, open, close }: Receiver,
  csv: string,
  { chunks, staging }: Staged,
): Promise<void> {
  const salesforce = clientOf(url, token)
  const bytes = csvLength(count)
  const ways = {
    'file, piped': (job: string) => put(pathOf(url, job), token, csv),
    'staged chunk': (job: string) =>
      salesforce.ingest.upload(job, { bytes, stream: csvBody(chunks, staging) }),
  }
  const runs = new Map<string, { speed: number; cpu: number }[]>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [way, upload] of Object.entries(ways)) {
      const job = await open()
      const [begun, before] = [performance.now(), cpuUsage()]
      await upload(job)
      const seconds = (performance.now() - begun) / 1000
      const { user, system } = cpuUsage(before)
      const run = { speed: bytes / 1e6 / seconds, cpu: (user + system) / 1e6 }
      runs.set(way, [...(runs.get(way) ?? []), run])
      await close(job)
    }
  }
  await salesforce.close()
  const speedIn = (way: string) => median((runs.get(way) ?? []).map(({ speed }) => speed))
  for (const [way, all] of runs) {
    const speeds = all.map(({ speed }) => speed)
    const figures = [speedIn(way), Math.min(...speeds), Math.max(...speeds)].map(Math.round)
    const cpu = median(all.map(({ cpu }) => cpu)).toFixed(2)
    const share = (speedIn(way) / speedIn('file, piped')).toFixed(2)
    console.log(`| ${[name, way, ...figures, cpu, share].join(' | ')} |`)
  }
}

async function sandbox(): Promise<Receiver> {
  const server = await startSandboxProcess(SOURCES)
  scope.after(() => server.stop())
  const { url } = server.login
  const token = await accessToken(server.login)
  const { ingest, close } = clientOf(url, token)
  scope.after(async () => close())
  return {
    url,
    token,
    open: async () => (await ingest.create({ object: 'Contact', operation: 'delete' })).id,
    close: async (job) => void (await ingest.abort(job)),
  }
}

async function sink(): Promise<Receiver> {
  const { url, stop } = await startSink()
  scope.after(stop)
  return { url, token: 'none', open: async () => '7505f0000000001AAA', close: async () => {} }
}

function clientOf(instanceUrl: string, accessToken: string) {
  const credentials = { kind: 'token', instanceUrl, accessToken } as const
  return createSalesforce({ credentials, apiVersion: '61.0' })
}

function pathOf(url: string, job: string): string {
  return `${url}/services/data/v61.0/jobs/ingest/${job}/batches`
}

async function put(url: string, token: string, path: string): Promise<void> {
  const { size } = await stat(path)
  const headers = {
    Authorization: `Bearer ${token}`,
    'Content-Type': 'text/csv',
    'Content-Length': size,
  }
  const call = request(url, { method: 'PUT', headers })
  const answered = new Promise<number | undefined>((resolve, reject) => {
    call.once('response', (answer) => resolve(answer.resume().statusCode))
    call.once('error', reject)
  })
  await pipeline(createReadStream(path), call)
  const status = await answered
  if (status !== 201) throw new Error(`Expected 201, got ${status}`)
}
