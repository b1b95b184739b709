import { systemClock } from '../../shared/base/clock.ts'
import { ConfigError } from '../../shared/base/errors.ts'
import { type Config, loadConfig, orgNameOf } from '../../shared/config/config.ts'
import { openResultsStore, readResults } from '../../shared/results/open.ts'
import type { ResultsPlace, ResultsStore } from '../../shared/results/results-store.ts'
import { claimResultsStore, IdentityError } from '../../shared/store/identity.ts'
import { createMetrics } from '../../shared/telemetry/metrics/metrics.ts'
import { settleRequest } from '../../worker/end/settle.ts'
import { jobsAtWork } from '../at-work.ts'
import { type Cli, UsageError } from '../cli.ts'
import { type EndedView, type Followed, followToReceipt, isOver } from '../follow.ts'
import { loginNameOf, type OpenOrg, orgNamed, renamed } from '../org.ts'
import { commandLog, startOwnWorker } from '../own-worker.ts'
import { counted, jobNames } from '../render/format.ts'
import { waitingReporter } from '../waiting-report.ts'

/** A cancellation that this process must carry out, because nobody else works on the request. */
interface EndingHere {
  readonly open: OpenOrg
  readonly id: string
  /** Where the `run` that began the request keeps its results. */
  readonly results: ResultsPlace
  /** The command to repeat if something is missing. */
  readonly again: string
  readonly cli: Cli
  readonly signal: AbortSignal
  readonly retry: Followed['retry']
}

/**
 * Ends a request whose stop flag is raised. Unsent chunks are ended without a login. For ingest
 * jobs that may be running in Salesforce, a worker is started for this request alone.
 *
 * @throws UsageError with the remaining steps, if a login or the results directory is missing
 */
export async function endHere(ending: EndingHere): Promise<EndedView> {
  await settleUnsent(ending, await resultsOf(ending))
  const { open, id, cli, signal, retry } = ending
  const { org, producer, store } = open
  const view = await producer.inspect(id, { org })
  if (view !== null && isOver(view)) return view
  const config = await settingsFor(ending)
  await store.orders.stop(id)
  const worker = await startOwnWorker(
    { cli, config, redis: open.redis, request: id, command: 'cancel' },
    signal,
  )
  try {
    const followed = { producer, request: { id, org }, signal, retry }
    return await followToReceipt(
      followed,
      waitingReporter(cli.screen, { org, id, embedded: true }, true),
    )
  } finally {
    await worker.stop()
  }
}

/** A request keeps its results in one store; its receipt must not be written to another. */
async function resultsOf(ending: EndingHere): Promise<ResultsStore> {
  const { open, results: place } = ending
  const { results: owner = null, resultsAt = null } = (await open.store.ledger.identity()) ?? {}
  const there =
    resultsAt === null
      ? 'Cancel it from the directory where it was started, or specify --results.'
      : `Use --results ${resultsAt}.`
  const elsewhere = `its results are not in ${place.path}. ${there}`
  // Creates nothing in a folder that does not belong to the request.
  if (owner !== null && (await readResults(place).storeId()) === null)
    throw notEnded(ending, elsewhere)
  const results = await openResultsStore(place)
  try {
    await claimResultsStore(open.store, results)
  } catch (error) {
    throw error instanceof IdentityError ? notEnded(ending, elsewhere) : error
  }
  return results
}

function notEnded({ id }: EndingHere, why: string): UsageError {
  return new UsageError(`Request ${id} has not ended yet, although nothing more is sent: ${why}`)
}

async function settleUnsent(
  { open: { config, store }, id, cli, signal }: EndingHere,
  results: ResultsStore,
): Promise<void> {
  const metrics = createMetrics({ version: cli.version })
  const log = commandLog(cli.screen, config, 'cancel')
  const ctx = { log, clock: systemClock, signal }
  const rails = { ...config, keepDeleted: config.audit.keepDeleted }
  await settleRequest(id, { store, results, metrics, rails }, ctx)
}

/** The settings that `run` would use, for this org alone. */
async function settingsFor(ending: EndingHere): Promise<Config> {
  const { open, id, results, again, cli } = ending
  try {
    // The ledger may have another name than the org in the configuration.
    const name = (await loginNameOf(open)) ?? open.org
    const need = { redis: 'optional', salesforce: 'required', org: name } as const
    const loaded = await loadConfig(cli.screen.env, need)
    const { config } = renamed(loaded, orgNamed(loaded, orgNameOf(name)), open.org)
    return { ...config, results }
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof UsageError)) throw error
    const jobs = await jobsAtWork(open.store, id)
    const what =
      jobs.length === 0
        ? 'an ingest job of it'
        : `${counted(jobs.length, 'ingest job')} of it (${jobNames(jobs)})`
    throw notEnded(
      ending,
      `${what} may be running in Salesforce, and aborting it requires a login.\n` +
        `${error.message}\nThen repeat:\n  ${again}`,
    )
  }
}
