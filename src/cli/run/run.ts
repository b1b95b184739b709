import type { RequestView } from '../../producer/producer.ts'
import { railsOf } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { DeletionRequest } from '../../shared/contract/request.ts'
import { pinContent } from '../../shared/store/intake/stage-source.ts'
import { submit as enter } from '../../shared/store/intake/submit.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { actorOf, type Cli, type ExitCode } from '../cli.ts'
import { commandToContinue } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { rootsOf, uploadOf } from '../input.ts'
import { toRequest, withKnownAnswer, withKnownDeadline } from '../request.ts'
import { claimHere } from './claim.ts'
import { beginWork, inThisProcess, type OpeningOf, openOrgHere, reportEntered } from './here.ts'
import { allowing, prepare } from './prepare.ts'
import type { RunSession } from './session.ts'

/**
 * A whole deletion in one process: command line → settings → Redis → login → worker → request →
 * question → receipt. Every error in the command line is reported before anything is started.
 */
export async function run(flags: Flags<'run'>, cli: Cli): Promise<ExitCode> {
  const prepared = await prepare(flags, cli.screen)
  return inThisProcess({ ...prepared, flags, cli }, openSession)
}

type Opening = OpeningOf<'run'> & Awaited<ReturnType<typeof prepare>>

/**
 * Logs in and shows the org, submits the request, and starts the worker. In that order: a request
 * that conflicts with the known one of the same id must not start a worker.
 */
async function openSession(given: Opening, opened: AsyncDisposableStack): Promise<RunSession> {
  const { cli, config, flags, input, redis, signal, terms } = given
  const typed = toRequest(flags, input, { ...terms, fileSeenByPlanner: redis.embedded })
  const [opening, meant] = await Promise.all([
    openOrgHere(given, opened),
    pinContent(typed, { roots: readableFolders(given) }, signal),
  ])
  const { org, producer, store } = opening
  const known = await withKnownDeadline({ ...meant, org: org.name }, flags, producer)
  const request = await withKnownAnswer(known, flags, producer)
  await claimHere(opening, request)
  const resumeCommand = commandToContinue(cli.argv, request.id, config.results.path)
  const submitted = await submit(opening, store, request, resumeCommand)
  return beginWork(opening, { resumeCommand, request, submitted }, opened)
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
  resumeCommand: string,
): Promise<RequestView> {
  const { cli, input, signal } = opening
  const { screen } = cli
  const guards = await guardsFor(opening, store)
  const upload = uploadOf(request, input)
  if (upload !== undefined) screen.say(`Reading ${input.name} …`)
  const bytes = upload && until(signal, upload)
  const by = { submittedBy: actorOf(screen.env), guards }
  const entered = await enter(store, request, Date.now(), bytes, by)
  return reportEntered(entered, { store, screen, resumeCommand })
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

/**
 * The guard rails for a run's request. On a shared Redis these are the org's own, however few
 * settings the run has. On the embedded server its own configuration applies, plus the folder of
 * the given file. An explicit limit is an operator's decision and may be higher than the org's, for
 * this request alone.
 */
async function guardsFor(opening: Opening, store: OrgStore): Promise<GuardRails> {
  const { config, org, redis, flags } = opening
  const own = railsOf(config, org)
  const fileRoots = readableFolders(opening)
  const rails = redis.embedded
    ? { ...own, fileRoots, fileBase: fileRoots[0] ?? null }
    : ((await store.ledger.rails())?.rails ?? own)
  return allowing(flags.maxRecords ?? null, rails)
}

/** Folders that this process may read, including those of the given files. */
function readableFolders({ config, input }: Opening): readonly string[] {
  return [...config.files.roots, ...rootsOf(input)]
}
