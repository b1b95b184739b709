import { loadConfig, railsOf } from '../../shared/config/config.ts'
import { applyPlan } from '../../shared/store/intake/apply.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import { viewOf } from '../../shared/store/request-view.ts'
import { showForApproval } from '../approval.ts'
import { actorOf, type Cli, type ExitCode, UsageError } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import { approve } from '../commands/approve.ts'
import type { Flags } from '../commands.ts'
import { ask, assertCanConfirm, isConfirmedByFlag } from '../confirm.ts'
import { byLedger, recordOf } from '../org.ts'
import { assertChecked } from '../render/plan.ts'
import { claimHere } from './claim.ts'
import { beginWork, inThisProcess, type OpeningOf, openOrgHere, reportEntered } from './here.ts'
import { allowing, prepareOrg } from './prepare.ts'
import type { RunSession } from './session.ts'

/**
 * Deletes exactly the plan of a dry run. With REDIS_URL the workers do it, as after `approve`;
 * otherwise this process does.
 */
export async function apply(flags: Flags<'apply'>, cli: Cli): Promise<ExitCode> {
  assertCanConfirm(flags, cli.screen, 'apply')
  const { redis } = await loadConfig(cli.screen.env, { redis: 'optional', salesforce: 'none' })
  if (redis !== null) return approve(flags, cli)
  const prepared = await prepareOrg(await byLedger(flags, cli), cli.screen)
  const input = { kind: 'source', name: `plan of ${flags.id}`, source: {} } as const
  return inThisProcess({ ...prepared, input, flags, cli }, openSession)
}

type Opening = OpeningOf<'apply'>

async function openSession(given: Opening, opened: AsyncDisposableStack): Promise<RunSession> {
  const opening = await openOrgHere(given, opened)
  const { cli, config, flags, org, store } = opening
  const { screen } = cli
  const dryRun = await recordOf(flags.id, store)
  await claimHere(opening, dryRun.request)
  const isPlanShown = await assertWanted(dryRun, opening)
  const entered = await applyPlan(store, dryRun, Date.now(), {
    as: flags.as,
    plan: dryRun.plan?.sha256,
    by: { actor: actorOf(screen.env), reason: flags.reason ?? null },
    // The limit that the dry run was given may be higher than the configured one.
    guards: allowing(dryRun.request.maxRecords, railsOf(config, org)),
  })
  const { request } = entered.record
  const as = flags.as === undefined ? '' : ` --as ${flags.as}`
  const there = { org: store.org, results: config.results.path }
  const resumeCommand = commandFor(`apply ${dryRun.request.id}${as}`, there)
  const submitted = await reportEntered(entered, { store, screen, resumeCommand })
  return beginWork(opening, { resumeCommand, request, submitted, isPlanShown }, opened)
}

/** Shows the plan and asks. False if it was applied before: then it is only continued. */
async function assertWanted(
  dryRun: RequestRecord,
  { cli, facts, flags, signal, store }: Awaited<ReturnType<typeof openOrgHere<Opening>>>,
): Promise<boolean> {
  const { plan, kept, appliedAs } = dryRun
  if (plan === null || kept === null || appliedAs !== null) return false
  const { screen } = cli
  assertChecked(plan, flags)
  const view = await viewOf(store, dryRun)
  const text = await showForApproval(screen, store, { ...view, plan }, { ...facts, record: dryRun })
  if (isConfirmedByFlag(flags, screen, text)) return true
  if (await ask(screen, text, { to: 'delete', signal })) return true
  throw new UsageError(`The plan was not applied. It is kept until ${view.keptPlan?.until}.`)
}
