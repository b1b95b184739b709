import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { roaringLibraryInitialize } from 'roaring-wasm'
import { Auth, type AuthOptions } from './auth.ts'
import { type Controls, control } from './control.ts'
import { Faults } from './faults.ts'
import { IngestApi } from './ingest-api.ts'
import { JobRunner } from './job-runner.ts'
import { Jobs } from './jobs.ts'
import { authOptions, objectsOf, type SandboxOptions } from './options.ts'
import { Org } from './org.ts'
import { Allowance, type Quota } from './quota.ts'
import { Rate } from './rate.ts'
import { Referee } from './referee.ts'
import { performCall } from './rest.ts'
import { createSandboxServer } from './server.ts'
import { Settings } from './settings.ts'
import { Uploads } from './uploads.ts'
import { Verdicts } from './verdicts.ts'

export type { CallAction, CallFault, Fault, FaultScript, JobAction, JobFault } from './faults.ts'
export type { SandboxOptions } from './options.ts'
export type { Referee } from './referee.ts'
export type {
  CallCount,
  JobRecord,
  RefereeStats,
  Violation,
  ViolationCode,
} from './referee-stats.ts'
export type { RowRule, RowRules } from './row-rules.ts'
export type { SandboxSettings, SettingsChange } from './settings.ts'

export interface Sandbox extends Controls {
  /** `http://host:port`, login and instance in one. */
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  readonly orgId: string
  /** Stops at once: connections are cut, jobs end where they are. */
  close(): Promise<void>
}

/** Starts a local stand-in for Salesforce's Bulk API 2.0 (ingest, delete and hardDelete). */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const identity = authOptions(options)
  const { orgId, clientId, clientSecret } = identity
  // Bitmaps are WebAssembly: the first one must not be made before it is loaded.
  await roaringLibraryInitialize()
  const back = createBack(options)
  const folder = await openFolder(options.directory)
  const front = createFront(identity, back, folder.path, options)
  const url = await listen(front.server, options).catch(async (error: unknown) => {
    await folder.release()
    throw error
  })
  return {
    ...front.controls,
    url,
    orgId,
    clientId,
    clientSecret,
    close: async () => {
      front.server.close()
      front.server.closeAllConnections()
      await back.runner.close()
      back.org.dispose()
      back.referee.dispose()
      await folder.release()
    },
  }
}

/** What is behind the API: the org and its records, its quota, its jobs, and who counts. */
function createBack(options: SandboxOptions) {
  const quota: Quota = {
    apiRequests: new Allowance(options.dailyApiRequests ?? 100_000),
    bulkApiBatches: new Allowance(options.dailyBulkApiBatches ?? 15_000),
  }
  const rate = new Rate(options.rowsPerSecond ?? 2_000_000)
  const settings = new Settings(rate, quota)
  settings.change(options)
  const verdicts = new Verdicts()
  const org = new Org(options.rows ?? {}, verdicts)
  const referee = new Referee(verdicts, () => ({
    apiRequests: quota.apiRequests.used,
    bulkApiBatches: quota.bulkApiBatches.used,
  }))
  const faults = new Faults()
  for (const script of options.faults ?? []) faults.add(script)
  const jobs = new Jobs()
  const objects = objectsOf(options)
  const runner = new JobRunner({ jobs, objects, org, referee, faults, quota, rate, settings })
  return { quota, settings, verdicts, org, referee, faults, jobs, objects, runner }
}

/** What a client meets: HTTP, the endpoints, the control surface. */
function createFront(
  identity: AuthOptions,
  back: ReturnType<typeof createBack>,
  directory: string,
  options: SandboxOptions,
) {
  const { quota, settings, org, referee, faults, runner } = back
  const maxUploadBytes = options.maxUploadBytes ?? 112_500_000
  const uploads = new Uploads({ directory, maxUploadBytes }, referee)
  const ingest = new IngestApi({ ...back, uploads, owner: identity })
  const auth = new Auth(identity)
  const organization = { ...identity, isSandbox: options.isSandbox ?? false }
  const controls: Controls = {
    referee,
    faults,
    setRows: (rules) => org.setRules(rules),
    configure: (change) => settings.change(change),
    expireTokens: () => auth.expireTokens(),
    idle: () => runner.idle(),
  }
  const server = createSandboxServer({
    faults,
    referee,
    settings,
    perform: (call) => performCall(call, { auth, quota, ingest, organization }),
    control: options.control === false ? undefined : (request) => control(request, controls),
    expireTokens: controls.expireTokens,
  })
  return { server, controls }
}

/** Uploads lie in a folder of their own, in the caller's or the system's temporary one. */
async function openFolder(directory = tmpdir()) {
  await mkdir(directory, { recursive: true })
  const path = await mkdtemp(join(directory, 'expunge-sandbox-'))
  return { path, release: () => rm(path, { recursive: true, force: true }) }
}

async function listen(server: Server, options: SandboxOptions): Promise<string> {
  const { host = '127.0.0.1', port = 0 } = options
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  const actual = typeof address === 'object' && address ? address.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
}
