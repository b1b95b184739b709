/**
 * An upload of staged chunks (fetched from Redis, unpacked, checked, made CSV rows) beside the same
 * bytes piped from a file into the same PUT. Best of several runs; processor time is this process's.
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
import { openOrgStore } from '../src/shared/org-store.ts'
import { connectRedis } from '../src/shared/redis.ts'
import { createSalesforce } from '../src/shared/salesforce/client.ts'
import { csvBody, csvLength } from '../src/worker/ingest/upload.ts'
import { scan } from '../src/worker/plan/scan.ts'
import { ChunkStager } from '../src/worker/plan/stage.ts'
import { fileSource } from '../src/worker/sources/file.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { writeIdFile } from './id-file.ts'
import { accessToken, SOURCES, startSandboxProcess } from './sandbox-process.ts'

const RUNS = 5
const LOT = { request: 'bench', lot: 'p-bench' }

const count = Number(argv[2] ?? 5_200_000)
const closers: (() => Promise<void>)[] = []
const scope = inReverse((fn) => closers.push(fn))
try {
  await compare()
} finally {
  for (const close of closers) await close()
}

async function compare(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  scope.after(() => rm(folder, { recursive: true }))
  const csv = join(folder, 'ids.csv')
  await writeIdFile(csv, count)
  const sandbox = await startSandboxProcess(SOURCES)
  scope.after(() => sandbox.stop())
  const redis = await startRedis(scope)
  const connection = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
  const { staging, close } = openOrgStore(connection, 'bench', () => {})
  scope.after(async () => {
    await close()
    connection.disconnect()
  })
  const stager = new ChunkStager(staging, LOT, { first: count, other: count })
  const source = fileSource({ path: csv, roots: [folder] }).open()
  for await (const block of scan(source, { object: { name: 'Contact', prefix: '003' } })) {
    await stager.write(block.ids)
  }
  const chunks = await stager.end()
  const token = await accessToken(sandbox.login)
  const salesforce = createSalesforce({
    credentials: { kind: 'token', instanceUrl: sandbox.login.url, accessToken: token },
    apiVersion: '61.0',
  })
  scope.after(async () => salesforce.close())
  const bytes = csvLength(count)

  const ways = {
    'file piped into the PUT': async (job: string) => {
      const url = `${sandbox.login.url}/services/data/v61.0/jobs/ingest/${job}/batches`
      await put(url, token, csv)
    },
    'staged chunk': (job: string) =>
      salesforce.ingest.upload(job, { bytes, stream: csvBody(chunks, staging) }),
  }
  for (const [name, upload] of Object.entries(ways)) {
    let best = { seconds: Number.POSITIVE_INFINITY, cpu: 0 }
    for (let run = 0; run < RUNS; run++) {
      const { id } = await salesforce.ingest.create({ object: 'Contact', operation: 'delete' })
      const [begun, before] = [performance.now(), cpuUsage()]
      await upload(id)
      const seconds = (performance.now() - begun) / 1000
      const { user, system } = cpuUsage(before)
      if (seconds < best.seconds) best = { seconds, cpu: (user + system) / 1e6 }
      await salesforce.ingest.abort(id)
    }
    const speed = (bytes / 1e6 / best.seconds).toFixed(0)
    console.log(
      `${name}: ${best.seconds.toFixed(2)} s (processor ${best.cpu.toFixed(2)} s), ${speed} MB/s`,
    )
  }
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
