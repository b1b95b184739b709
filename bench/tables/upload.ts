/**
 * An upload of staged chunks (fetched from Redis, unpacked, checked, made CSV rows) beside the same
 * bytes piped from a file into the same PUT: of the sandbox, which parses what it gets and shares two
 * cores with us, and of a server that only reads. Processor time is this process's.
 */
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuUsage } from 'node:process'
import { pipeline } from 'node:stream/promises'
import { createSalesforce } from '../../src/shared/salesforce/client.ts'
import type { ChunkRef } from '../../src/shared/store/ledger/chunk.ts'
import { openOrgStore } from '../../src/shared/store/org-store.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import type { Staging } from '../../src/shared/store/staging/staging.ts'
import { ChunkStager } from '../../src/worker/ids/chunk-stager.ts'
import { csvBody, csvLength } from '../../src/worker/ids/delete-csv.ts'
import { scan } from '../../src/worker/plan/scan.ts'
import { readFileOnce } from '../../src/worker/sources/file.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { writeIdFile } from '../id-file.ts'
import { accessToken, DIST, startSandboxProcess } from '../sandbox-process.ts'
import { startSink } from '../sink-process.ts'
import type { Scope, Table, Way } from '../table.ts'

const LOT = { request: 'bench', lot: 'p-bench' }

/** Where the bytes go: a job that is made for each upload, and forgotten. */
interface Receiver {
  readonly url: string
  readonly token: string
  open(): Promise<string>
  close(job: string): Promise<void>
}

export const upload: Table = {
  name: 'upload',
  title: 'Uploads (PUT): a staged chunk, and the same bytes piped from a file',
  size: { full: 5_200_000, quick: 10_000 },
  rounds: 7,
  figure: 'MB/s',
  ways: async (count, scope) => {
    const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
    scope.after(() => rm(folder, { recursive: true }))
    const csv = join(folder, 'ids.csv')
    await writeIdFile(csv, count)
    const staged = await stage(count, csv, folder, scope)
    return [
      ...waysInto('the sandbox', await sandbox(scope), { count, csv, staged, scope }),
      ...waysInto('a server that only reads', await sink(scope), { count, csv, staged, scope }),
    ]
  },
}

interface Staged {
  readonly chunks: readonly ChunkRef[]
  readonly staging: Staging
}

async function stage(count: number, csv: string, folder: string, scope: Scope): Promise<Staged> {
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

interface Load {
  readonly count: number
  readonly csv: string
  readonly staged: Staged
  readonly scope: Scope
}

function waysInto(
  name: string,
  { url, token, open, close }: Receiver,
  { count, csv, staged: { chunks, staging }, scope }: Load,
): readonly Way[] {
  const salesforce = clientOf(url, token)
  scope.after(async () => salesforce.close())
  const bytes = csvLength(count)
  const ways = {
    'file, piped': (job: string) => put(pathOf(url, job), token, csv),
    'staged chunk': (job: string) =>
      salesforce.ingest.upload(job, { bytes, stream: csvBody(chunks, staging) }),
  }
  return Object.entries(ways).map(([way, send]) => ({
    name: `${way}, into ${name}`,
    against: way === 'staged chunk' ? [`file, piped, into ${name}`] : [],
    measure: async () => {
      const job = await open()
      const [begun, before] = [performance.now(), cpuUsage()]
      await send(job)
      const seconds = (performance.now() - begun) / 1000
      const { user, system } = cpuUsage(before)
      await close(job)
      return { 'MB/s': bytes / 1e6 / seconds, 'processor s': (user + system) / 1e6 }
    },
  }))
}

async function sandbox(scope: Scope): Promise<Receiver> {
  const server = await startSandboxProcess(DIST)
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

async function sink(scope: Scope): Promise<Receiver> {
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
