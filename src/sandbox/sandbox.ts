import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { roaringLibraryInitialize } from 'roaring-wasm'
import { Auth, type SandboxCredentials } from './auth.ts'
import type { Call } from './call.ts'
import { type Controls, control } from './control.ts'
import type { CallAction, CallFault, FaultScript, JobAction, JobFault } from './fault-script.ts'
import { type Fault, Faults, type Subject } from './faults.ts'
import { IngestApi } from './ingest-api.ts'
import { JobRunner } from './job-runner.ts'
import { Jobs } from './jobs.ts'
import { type CompleteOptions, parseOptions, type SandboxOptions } from './options.ts'
import { Org, type RowRule, type RowRules } from './org.ts'
import { parseJsonOrUndefined } from './parse.ts'
import { QueryApi } from './query-api.ts'
import { QueryJobs } from './query-jobs.ts'
import { Referee } from './referee.ts'
import type {
  CallCount,
  JobRecord,
  QueryJobRecord,
  RefereeStats,
  Violation,
  ViolationCode,
} from './referee-stats.ts'
import { performCall } from './rest.ts'
import { SandboxServer } from './server.ts'
import {
  Allowance,
  type Quota,
  Rate,
  type SandboxSettings,
  Settings,
  type SettingsChange,
} from './settings.ts'
import { Uploads } from './uploads.ts'
import { Verdicts } from './verdicts.ts'

export type {
  CallAction,
  CallCount,
  CallFault,
  Fault,
  FaultScript,
  JobAction,
  JobFault,
  JobRecord,
  QueryJobRecord,
  Referee,
  RefereeStats,
  RowRule,
  RowRules,
  SandboxCredentials,
  SandboxOptions,
  SandboxSettings,
  SettingsChange,
  Violation,
  ViolationCode,
}

export interface Sandbox extends Controls {
  /** `http://host:port`, both login host and instance. */
  readonly url: string
  readonly clientId: string
  /** The currently accepted secret. */
  readonly clientSecret: string
  readonly orgId: string
  /** Stops at once: connections are closed, jobs end where they are. */
  close(): Promise<void>
}

/** Starts a local stand-in for Salesforce's Bulk API 2.0 (ingest, delete and hardDelete). */
export async function startSandbox(given: SandboxOptions = {}): Promise<Sandbox> {
  const options = parseOptions(given)
  // Bitmaps use WebAssembly, which must be loaded before the first one.
  await roaringLibraryInitialize()
  const back = createBack(options)
  const folder = await openFolder(options.directory)
  const { server, auth, controls } = createFront(back, folder.path, options)
  await server.open().catch(async (error: unknown) => {
    await folder.release()
    throw error
  })
  return {
    ...controls,
    url: server.url,
    orgId: options.orgId,
    clientId: options.clientId,
    get clientSecret() {
      return auth.clientSecret
    },
    close: async () => {
      server.close()
      await Promise.all([back.runner.close(), back.queryJobs.close()])
      back.org.dispose()
      back.referee.dispose()
      await folder.release()
    },
  }
}

/** The parts behind the API: the org and its records, its quota, its jobs, and the referee. */
function createBack(options: CompleteOptions) {
  const window = { ms: options.quotaWindowMs, now: options.now }
  const quota: Quota = {
    apiRequests: new Allowance(options.dailyApiRequests, window),
    bulkApiBatches: new Allowance(options.dailyBulkApiBatches, window),
  }
  const rate = new Rate(options.rowsPerSecond)
  const settings = new Settings(rate, quota, options)
  const verdicts = new Verdicts()
  const org = new Org(options.rows, verdicts)
  const referee = new Referee(verdicts, () => ({
    apiRequests: quota.apiRequests.used,
    bulkApiBatches: quota.bulkApiBatches.used,
  }))
  const faults = new Faults()
  for (const script of options.faults) faults.add(script)
  const jobs = new Jobs()
  const { objects } = options
  const runner = new JobRunner({ jobs, objects, org, referee, faults, quota, rate, settings })
  const queryJobs = new QueryJobs({
    ...{ objects, org, referee, faults, settings, owner: options, records: options.records },
    pageRows: options.queryPageRows,
    nextNumber: () => jobs.nextNumber(),
  })
  return { quota, settings, verdicts, org, referee, faults, jobs, objects, runner, queryJobs }
}

/** The parts that a client uses: HTTP, the endpoints, the control surface. */
function createFront(
  back: ReturnType<typeof createBack>,
  directory: string,
  options: CompleteOptions,
) {
  const { quota, settings, org, objects, referee, faults, runner, jobs, queryJobs } = back
  const { notDeletable, records } = options
  const uploads = new Uploads({ directory, maxUploadBytes: options.maxUploadBytes }, referee)
  const ingest = new IngestApi({ ...back, uploads, owner: options })
  const auth = new Auth(options)
  const about = { organization: options, org, objects, notDeletable, settings, records }
  const queries = new QueryApi(about)
  const controls: Controls = {
    referee,
    faults,
    setRows: (rules) => org.setRules(rules),
    configure: (change) => settings.change(change),
    expireTokens: () => auth.expireTokens(),
    setCredentials: (credentials) => auth.accept(credentials),
    idle: async () => {
      await Promise.all([runner.idle(), queryJobs.idle()])
    },
  }
  const deps = {
    faults,
    referee,
    settings,
    perform: (call: Call) =>
      performCall(call, { ...about, auth, quota, ingest, queries, queryJobs }),
    control: options.control ? (request: IncomingMessage) => control(request, controls) : undefined,
    expireTokens: controls.expireTokens,
    subjectOf: (call: Call) => subjectOf(call, jobs, queryJobs),
  }
  return { server: new SandboxServer(deps, options), auth, controls }
}

/** What a call is about, for matching with scripts; a create names its object in its body. */
async function subjectOf(call: Call, jobs: Jobs, queryJobs: QueryJobs): Promise<Subject> {
  const job = call.route.jobId
  if (job !== undefined) {
    return { job, object: jobs.find(job)?.request.object ?? queryJobs.objectOf(job) }
  }
  const isJson = call.request.headers['content-type']?.startsWith('application/json')
  if (call.operation !== 'create' || !isJson) return { job, object: undefined }
  const object = parseJsonOrUndefined(await call.peek())?.['object']
  return { job, object: typeof object === 'string' ? object : undefined }
}

/** Keeps uploads in their own folder, inside the caller's or the system's temporary one. */
async function openFolder(directory = tmpdir()) {
  await mkdir(directory, { recursive: true })
  const path = await mkdtemp(join(directory, 'expunge-sandbox-'))
  return { path, release: () => rm(path, { recursive: true, force: true }) }
}
