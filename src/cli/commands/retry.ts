import { type Config, loadConfig, railsOf } from '../../shared/config/config.ts'
import type { DeletionRequest } from '../../shared/contract/request.ts'
import { rowsToRetry } from '../../shared/results/rows-to-retry.ts'
import { retryRequest } from '../../shared/store/intake/retry.ts'
import { submit } from '../../shared/store/intake/submit.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { viewOfSubmitted } from '../../shared/store/request-view.ts'
import { whyWaiting } from '../at-work.ts'
import { actorOf, type Cli, EXIT, type ExitCode } from '../cli.ts'
import { commandToContinue } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { assertCanConfirm } from '../confirm.ts'
import { byLedger, recordOf, withRequest } from '../org.ts'
import { resultsOf } from '../receipt.ts'
import { claimHere } from '../run/claim.ts'
import {
  beginWork,
  inThisProcess,
  type OpeningOf,
  openOrgHere,
  reportEntered,
} from '../run/here.ts'
import { allowing, prepareOrg } from '../run/prepare.ts'
import type { RunSession } from '../run/session.ts'

/**
 * Submits the failed and unprocessed rows of an ended request as a new one. With REDIS_URL it
 * is queued for the workers, as by `submit`; otherwise this process carries it out, as `run`.
 */
export async function retry(flags: Flags<'retry'>, cli: Cli): Promise<ExitCode> {
  const { redis } = await loadConfig(cli.screen.env, { redis: 'optional', salesforce: 'none' })
  if (redis !== null) return queue(flags, cli)
  assertCanConfirm(flags, cli.screen, 'retry')
  const input = { kind: 'source', name: `rows of ${flags.id}`, source: {} } as const
  const prepared = await prepareOrg(await byLedger(flags, cli), cli.screen)
  return inThisProcess({ ...prepared, input, flags, cli }, openSession)
}

function queue(flags: Flags<'retry'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withRequest(cli, { ...flags, stays: true }, async (open, view) => {
    const { config, store } = open
    const { request, rows } = await retryOf(view.id, { flags, store, config })
    const by = { submittedBy: actorOf(screen.env), objects: [...config.objects.keys()] }
    const submitted = await submit(store, request, Date.now(), rows, by)
    const entered = await viewOfSubmitted(store, submitted)
    if (!submitted.created) screen.say(`Request ${request.id} already exists (${entered.status}).`)
    if (flags.json) screen.answerJson(entered)
    else screen.answer(request.id)
    for (const sentence of await whyWaiting(open, entered)) screen.warn(sentence)
    return EXIT.ok
  })
}

async function openSession(
  given: OpeningOf<'retry'>,
  opened: AsyncDisposableStack,
): Promise<RunSession> {
  const opening = await openOrgHere(given, opened)
  const { cli, config, flags, org, store } = opening
  const { screen } = cli
  const { request: wanted, rows } = await retryOf(flags.id, { flags, store, config })
  // The question of `run` is this request's approval.
  const request = { ...wanted, approval: 'required', coalesce: false } as const
  await claimHere(opening, request)
  const guards = allowing(request.maxRecords, railsOf(config, org))
  const by = { submittedBy: actorOf(screen.env), guards }
  const entered = await submit(store, request, Date.now(), rows, by)
  const resumeCommand = commandToContinue(cli.argv, request.id, config.results.path, '--as')
  const submitted = await reportEntered(entered, { store, screen, resumeCommand })
  return beginWork(opening, { resumeCommand, request, submitted }, opened)
}

interface Retrying {
  readonly flags: Flags<'retry'>
  readonly store: OrgStore
  readonly config: Config
}

/** The new request and its rows, with the terms of the ended one. */
async function retryOf(
  id: string,
  { flags, store, config }: Retrying,
): Promise<{ readonly request: DeletionRequest; readonly rows: AsyncIterable<Uint8Array> }> {
  const { request, receipt } = retryRequest(await recordOf(id, store), flags, Date.now())
  return { request, rows: rowsToRetry(await resultsOf(receipt, config, flags), receipt, flags) }
}
