import type { Context } from '../../shared/base/context.ts'
import type { ExpungeError } from '../../shared/base/errors.ts'
import { endsWithin, raceAbort } from '../../shared/base/race.ts'
import type { OrgConfig } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { Identity, Salesforce } from '../../shared/salesforce/client.ts'
import { claimOrg, claimResultsStore, describeOrg } from '../../shared/store/identity.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { QuotaGovernor } from '../gate/governor.ts'
import { describeObjects } from '../plan/object.ts'
import { quotaListener } from '../upkeep/quota-watch.ts'
import { type Connected, choresOf, type WorkerParts } from './chores.ts'
import { connect, login } from './salesforce.ts'
import { bringSettings } from './settings.ts'
import { startWork } from './work.ts'

/** One process's work for one org. */
export interface OrgWorker {
  readonly identity: Identity
  /** Number of jobs in hand. */
  readonly active: number
  /** Why it stopped by itself; null while it works. */
  readonly trouble: string | null
  /** Resolves with the same reason once it has let go of everything. */
  readonly halted: Promise<string>
  /** Hands over the jobs in hand; another worker takes over. */
  stop(): Promise<void>
}

/** Orchestrators kill after 10 s or more; handing over takes milliseconds if Redis answers. */
const HAND_OVER_WITHIN_MS = 8000

/**
 * Logs in, verifies that the keys belong to this org and this results store, and starts working.
 * While the org is unreachable it waits, because no request caused that.
 *
 * @param delayed called with the reason whenever a login failed and will be retried
 * @throws IdentityError, WrongOrgError, LedgerReplacedError: nothing was changed
 */
export async function startOrgWorker(
  store: OrgStore,
  org: OrgConfig,
  parts: WorkerParts,
  signal: AbortSignal,
  delayed: (trouble: string) => void = () => {},
): Promise<OrgWorker> {
  const log = parts.log.child({ org: org.name })
  const ctx: Context = { log, clock: parts.clock, signal }
  const { salesforce, listen } = connect(org, parts)
  try {
    // The whole startup is one abortable step: Redis may fail at any point, and waiting for it
    // ignores signals.
    const { identity, rails, generation } = await raceAbort(
      takeUp(store, org, parts, salesforce, { ...ctx, delayed }),
      signal,
    )
    const governor = new QuotaGovernor(store, org.quotaReserve, log)
    listen(quotaListener(store, governor))
    const { orgId, instanceUrl: instance } = identity
    log.info({ orgId, instance, generation }, 'Working for the org.')
    return work(store, org, parts, { salesforce, identity, rails, governor, ctx })
  } catch (error) {
    salesforce.close()
    throw error
  }
}

/**
 * Everything before the first job: the keys are ours, the login is to their org, the settings
 * agree.
 */
async function takeUp(
  store: OrgStore,
  org: OrgConfig,
  { config, results, only }: WorkerParts,
  salesforce: Salesforce,
  ctx: Parameters<typeof login>[1],
): Promise<{ identity: Identity; rails: GuardRails; generation: string }> {
  await claimResultsStore(store, results)
  const identity = await login(salesforce, ctx)
  await claimOrg(store, identity.orgId)
  await describeOrg(store, identity)
  const rails = await bringSettings(store, config, org, only, ctx.log)
  if (only === null) await describeObjects(rails, { store, salesforce }, ctx)
  const { generation } = await store.connection.identity()
  return { identity, rails, generation }
}

function work(
  store: OrgStore,
  org: OrgConfig,
  parts: WorkerParts,
  connected: Connected,
): OrgWorker {
  const { config, metrics, clock } = parts
  const { salesforce, identity, ctx } = connected
  const halt = (error: ExpungeError) => {
    if (trouble !== null) return
    trouble = error.message
    ctx.log.error({ err: error }, `Stopped working for this org: ${error.message}`)
    stop()
      .catch((err: unknown) => ctx.log.error({ err }, 'The work could not be stopped.'))
      .finally(() => halted.resolve(error.message))
  }
  const chores = choresOf(store, org, parts, connected, halt)
  const { maxPlans } = config
  const { workers, loops } = startWork(
    { store, ...config.worker, metrics, log: ctx.log, clock, ...chores, maxPlans },
    parts.only,
    ctx,
  )
  let trouble: string | null = null
  const halted = Promise.withResolvers<string>()
  let stopped: Promise<void> | undefined
  const stopAll = async () => {
    for (const loop of loops) loop.stop()
    const ended = loops.map((loop) => loop.ended)
    const all = Promise.all([...ended, ...workers.map((worker) => worker.stop())])
    if (!(await endsWithin(all, HAND_OVER_WITHIN_MS))) {
      ctx.log.error(
        'The current jobs could not be handed over, because Redis does not answer. Other workers continue them when their locks expire.',
      )
    }
    salesforce.close()
  }
  const stop = () => {
    stopped ??= stopAll()
    return stopped
  }
  void store.connection.replaced.then(halt)
  return {
    identity,
    get active() {
      return workers.reduce((sum, worker) => sum + worker.active, 0)
    },
    get trouble() {
      return trouble
    },
    halted: halted.promise,
    stop,
  }
}
