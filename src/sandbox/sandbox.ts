import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { roaringLibraryInitialize } from 'roaring-wasm'
import { Auth, type AuthOptions } from './auth.ts'
import type { Call } from './call.ts'
import { type Controls, control } from './control.ts'
import { Faults, type Subject } from './faults.ts'
import { parseJsonOrUndefined } from './fields.ts'
import { IngestApi } from './ingest-api.ts'
import { JobRunner } from './job-runner.ts'
import { Jobs } from './jobs.ts'
import { authOptions, objectsOf, type SandboxOptions } from './options.ts'
import { Org } from './org.ts'
import { Port } from './port.ts'
import { Allowance, type Quota } from './quota.ts'
import { Rate } from './rate.ts'
import { Referee } from './referee.ts'
import { performCall } from './rest.ts'
import { createSandboxServer } from './server.ts'
import { Settings } from './settings.ts'
import { Uploads } from './uploads.ts'
import { Verdicts } from './verdicts.ts'

export type { SandboxCredentials } from './auth.ts'
export type { CallAction, CallFault, FaultScript, JobAction, JobFault } from './fault-script.ts'
export type { Fault } from './faults.ts'
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
  /** The one that is accepted now. */
  readonly clientSecret: string
  readonly orgId: string
  /** Stops at once: connections are cut, jobs end where they are. */
  close(): Promise<void>
}

/** Starts a local stand-in for Salesforce's Bulk API 2.0 (ingest, delete and hardDelete). */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const identity = authOptions(options)
  const { orgId, clientId } = identity
  // Bitmaps are WebAssembly: the first one must not be made before it is loaded.
  await roaringLibraryInitialize()
  const back = createBack(options)
  const folder = await openFolder(options.directory)
  const front = createFront(identity, back, folder.path, options)
  const { port, auth } = front
  await port.open().catch(async (error: unknown) => {
    await folder.release()
    throw error
  })
  return {
    ...front.controls,
    url: port.url,
    orgId,
    clientId,
    get clientSecret() {
      return auth.clientSecret
    },
    close: async () => {
      port.close()
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
  const { quota, settings, org, objects, referee, faults, runner } = back
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
    setCredentials: (credentials) => auth.accept(credentials),
    idle: () => runner.idle(),
  }
  const server = createSandboxServer({
    faults,
    referee,
    settings,
    perform: (call) => performCall(call, { auth, quota, ingest, organization, org, objects }),
    control: options.control === false ? undefined : (request) => control(request, controls),
    expireTokens: controls.expireTokens,
    subjectOf: (call) => subjectOf(call, back.jobs),
    outage: (ms) => void port.shut(ms),
  })
  const { host, port: number } = options
  const port = new Port(server, { ...(host && { host }), ...(number && { port: number }) })
  return { port, auth, controls }
}

/** What a call is about, as scripts may name it; a create tells its object in its body. */
async function subjectOf(call: Call, jobs: Jobs): Promise<Subject> {
  const job = call.route.jobId
  if (job !== undefined) return { job, object: jobs.find(job)?.request.object }
  const isJson = call.request.headers['content-type']?.startsWith('application/json')
  if (call.operation !== 'create' || !isJson) return { job, object: undefined }
  const object = parseJsonOrUndefined(await call.peek())?.['object']
  return { job, object: typeof object === 'string' ? object : undefined }
}

/** Uploads lie in a folder of their own, in the caller's or the system's temporary one. */
async function openFolder(directory = tmpdir()) {
  await mkdir(directory, { recursive: true })
  const path = await mkdtemp(join(directory, 'expunge-sandbox-'))
  return { path, release: () => rm(path, { recursive: true, force: true }) }
}
