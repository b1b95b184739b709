import type { RequestView } from '../../producer/producer.ts'
import { messageOf } from '../../shared/base/errors.ts'
import type { DeletionRequest } from '../../shared/contract/request.ts'
import { openResultsStore } from '../../shared/results/results.ts'
import {
  claimOrg,
  claimResultsStore,
  IdentityError,
  untieResultsStore,
} from '../../shared/store/identity.ts'
import { pinContent } from '../../shared/store/intake/stage-source.ts'
import { submit as enter } from '../../shared/store/intake/submit.ts'
import { ledgerOfOrg } from '../../shared/store/ledgers.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { explained } from '../../shared/store/redis/trouble.ts'
import { viewOf, viewOfNew } from '../../shared/store/request-view.ts'
import { reportWaitingRequests } from '../at-work.ts'
import { type Cli, type ExitCode, LostError, UsageError } from '../cli.ts'
import { commandToContinue, shellQuoted } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { uploadOf } from '../input.ts'
import { catchInterrupts } from '../interrupts.ts'
import { openOrg, renamed, withClient } from '../org.ts'
import { retryOnOutage } from '../outage.ts'
import { startOwnWorker } from '../own-worker.ts'
import { type CommandRedis, ownRedis } from '../redis.ts'
import { orgLine } from '../render/org.ts'
import { toRequest, withKnownAnswer, withKnownDeadline } from '../request.ts'
import { carryOut } from './carry-out.ts'
import { logIn } from './login.ts'
import { guardsFor, type Prepared, prepare, readableFolders } from './prepare.ts'
import type { RunSession } from './session.ts'

/**
 * A whole deletion in one process: command line → settings → Redis → login → worker → request →
 * question → receipt. Every error in the command line is reported before anything is started.
 */
export async function run(flags: Flags<'run'>, cli: Cli): Promise<ExitCode> {
  const startedAt = Date.now()
  const { screen, host } = cli
  const prepared = await prepare(flags, screen)
  const interrupts = catchInterrupts(host)
  const opened = new AsyncDisposableStack()
  try {
    const redis = await ownRedis(prepared.config, screen)
    opened.defer(() => redis.close())
    const lost = lostSignal(redis)
    const signal = AbortSignal.any([interrupts.signal, lost])
    const retry = retryOnOutage(screen, redis, signal)
    const opening = { ...prepared, flags, cli, redis, interrupts, lost, signal, retry, startedAt }
    return await carryOut(await openSession(opening, opened))
  } finally {
    // The result of the run itself determines the exit code.
    await opened.disposeAsync().catch((error) => screen.say(`Cleanup failed: ${messageOf(error)}`))
    interrupts.forget()
  }
}

/** Aborted if the embedded server is gone for good. */
function lostSignal({ lost }: CommandRedis): AbortSignal {
  const controller = new AbortController()
  void lost.then((error) => controller.abort(new LostError(error.message)))
  return controller.signal
}

type Opening = Omit<
  RunSession,
  'facts' | 'producer' | 'store' | 'request' | 'submitted' | 'worker' | 'startWorker'
> &
  Prepared & { readonly redis: CommandRedis }

/**
 * Logs in and shows the org, submits the request, and starts the worker. In that order: a request
 * that conflicts with the known one of the same id must not start a worker.
 */
async function openSession(prepared: Opening, opened: AsyncDisposableStack): Promise<RunSession> {
  const { cli, flags, input, redis, signal, terms } = prepared
  const { screen } = cli
  const typed = toRequest(flags, input, { ...terms, fileSeenByPlanner: redis.embedded })
  const [facts, meant] = await Promise.all([
    logIn(prepared.org, prepared.config, screen, signal),
    pinContent(typed, { roots: readableFolders(prepared.config, input) }, signal),
  ])
  screen.say(orgLine(prepared.org.name, facts.identity, screen.sayStyle))
  const opening = await inOwnLedger(prepared, facts.identity.orgId)
  const { config, org } = opening
  const { producer, store, close } = await openOrg(redis, org.name)
  opened.defer(close)
  const known = await withKnownDeadline({ ...meant, org: org.name }, flags, producer)
  const request = await withKnownAnswer(known, flags, producer)
  // `./results` differs from folder to folder. An unfinished request keeps the tie, because its
  // parts are there.
  if (redis.embedded) await untieResultsStore(store)
  await reportWaitingRequests(store, request, redis, screen)
  await claim(opening, store, facts.identity.orgId)
  const submitted = await submit(opening, store, request)
  const startWorker = (until: AbortSignal) =>
    startOwnWorker({ cli, config, redis, request: request.id, command: 'run' }, until)
  const worker = await startWorker(signal)
  opened.defer(() => worker.stop())
  return { ...opening, facts, producer, store, request, submitted, worker, startWorker }
}

/**
 * On the embedded server the ledger belongs to the org of the login: the org goes by the name of its
 * ledger from here on, which is another only if the configured name was another org's before.
 */
async function inOwnLedger(opening: Opening, orgId: string): Promise<Opening> {
  const { cli, config, org, redis } = opening
  const { name, credentials } = org
  if (!redis.embedded) return opening
  const alias = credentials?.kind === 'sf' ? credentials.targetOrg : name
  const ledger = await withClient(redis, (client) => ledgerOfOrg(client, { name, alias, orgId }))
  if (ledger === name) return opening
  cli.screen.say(`Requests of this org are kept as org "${ledger}" on this machine.`)
  return { ...opening, ...renamed(config, org, ledger) }
}

/** Makes the worker's checks beforehand: nothing is submitted to the ledger of another org. */
async function claim({ config, redis }: Opening, store: OrgStore, orgId: string): Promise<void> {
  try {
    await claimResultsStore(store, await openResultsStore(config.results.path))
    await claimOrg(store, orgId)
  } catch (error) {
    if (!redis.embedded || !(error instanceof IdentityError)) throw error
    const at = (await store.ledger.identity())?.resultsAt ?? null
    throw withAdvice(error, config, at)
  }
}

/** Adds advice for a single machine: the directory of the earlier run. */
function withAdvice(
  error: IdentityError,
  { results }: Prepared['config'],
  at: string | null,
): IdentityError | UsageError {
  if (error.code === 'OTHER_ORG') return error
  const there =
    at === null ? 'from the directory where it was started' : `with --results ${shellQuoted(at)}`
  const hint = `An unfinished request keeps its results in another directory than ${results.path}. See \`expunge list\`, and resume the request ${there}.`
  return new UsageError(`${error.message} ${hint}`)
}

/**
 * Enters the request, or finds it as an earlier run left it, and says how to continue it.
 *
 * @throws ConflictError if the id belongs to a request with other content
 */
async function submit(
  opening: Opening,
  store: OrgStore,
  request: DeletionRequest,
): Promise<RequestView> {
  const { cli, config, input, signal } = opening
  const { screen } = cli
  const guards = await guardsFor(opening, store)
  const upload = uploadOf(request, input)
  if (upload !== undefined) screen.say(`Reading ${input.name} …`)
  const bytes = upload && until(signal, upload)
  const { record, created } = await enter(store, request, Date.now(), bytes, { guards })
  const view = await explained(async () =>
    created ? viewOfNew(store, record) : viewOf(store, record),
  )
  const name = screen.sayStyle('bold', request.id)
  if (isOver(view)) {
    screen.say(
      `Request ${name} already ended at ${view.receipt.finishedAt}. Nothing was run again.`,
    )
    return view
  }
  if (!created) {
    screen.say(`The request already exists (${view.status}). Resuming it.`)
  }
  const goOnWith = commandToContinue(cli.argv, request.id, config.results.path)
  screen.say(`Request ${name}. To resume it after an interruption:\n  ${goOnWith}`)
  return view
}

/** Interrupting the bytes aborts the submission: nothing was accepted then. */
async function* until(
  signal: AbortSignal,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const block of bytes) {
    signal.throwIfAborted()
    yield block
  }
}
