import type { Producer, RequestView } from '../../producer/producer.ts'
import { messageOf } from '../../shared/base/errors.ts'
import type { OrgConfig } from '../../shared/config/config.ts'
import type { submit } from '../../shared/store/intake/submit.ts'
import { ledgersOn } from '../../shared/store/ledgers.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { explained } from '../../shared/store/redis/trouble.ts'
import { viewOfSubmitted } from '../../shared/store/request-view.ts'
import { catchInterrupts, type ExitCode, LostError } from '../cli.ts'
import type { CommandName, Flags } from '../commands.ts'
import { isOver } from '../follow.ts'
import { openOrg, renamed, withClient } from '../org.ts'
import { retryOnOutage } from '../outage.ts'
import { startOwnWorker } from '../own-worker.ts'
import { type CommandRedis, ownRedis, withAddress } from '../redis.ts'
import { orgLine } from '../render/org.ts'
import type { Screen } from '../screen.ts'
import { carryOut } from './carry-out.ts'
import { logIn } from './login.ts'
import type { RunSession } from './session.ts'

/** What a command needs to carry out a request in its own process. */
interface Given extends Pick<RunSession, 'cli' | 'config' | 'flags' | 'input'> {
  readonly org: OrgConfig
}

/** What is open while it does. */
interface Resources
  extends Pick<RunSession, 'interrupts' | 'lost' | 'signal' | 'retry' | 'startedAt'> {
  readonly redis: CommandRedis
}

type Opening = Given & Resources

/** The same with all flags of the command. */
export type OpeningOf<Name extends CommandName> = Opening & { readonly flags: Flags<Name> }

/** Opens Redis, then the session by `open`, and carries its request out to the receipt. */
export async function inThisProcess<G extends Given>(
  given: G,
  open: (opening: G & Resources, opened: AsyncDisposableStack) => Promise<RunSession>,
): Promise<ExitCode> {
  const startedAt = Date.now()
  const { screen, host } = given.cli
  const interrupts = catchInterrupts(host)
  const opened = new AsyncDisposableStack()
  try {
    const redis = await ownRedis(given.config, screen)
    opened.defer(() => redis.close())
    const lost = lostSignal(redis)
    const signal = AbortSignal.any([interrupts.signal, lost])
    const retry = retryOnOutage(screen, redis, signal)
    const opening = { ...given, redis, interrupts, lost, signal, retry, startedAt }
    return await withAddress(redis, async () => carryOut(await open(opening, opened)))
  } finally {
    // The result of the command itself determines the exit code.
    await opened.disposeAsync().catch((error) => screen.say(`Cleanup failed: ${messageOf(error)}`))
    interrupts.forget()
  }
}

/** Aborted if the embedded server stops and is not restarted. */
function lostSignal({ lost }: CommandRedis): AbortSignal {
  const controller = new AbortController()
  void lost.then((error) => controller.abort(new LostError(error.message)))
  return controller.signal
}

/** The org, logged in to and opened in Redis. */
interface OrgHere {
  readonly facts: RunSession['facts']
  readonly producer: Producer
  readonly store: OrgStore
}

/** Logs in, shows the org, and opens it in Redis. */
export async function openOrgHere<O extends Opening>(
  given: O,
  opened: AsyncDisposableStack,
): Promise<O & OrgHere> {
  const { screen } = given.cli
  const facts = await logIn(given.org, given.config, screen, given.signal)
  screen.say(orgLine(given.org.name, facts.identity, screen.sayStyle))
  const opening = await inOwnLedger(given, facts.identity.orgId)
  const { producer, store, close } = await openOrg(opening.redis, opening.org.name)
  opened.defer(close)
  return { ...opening, facts, producer, store }
}

/**
 * On the embedded server the ledger belongs to the org of the login: the org goes by the name of its
 * ledger from here on, which is another only if the configured name was another org's before.
 */
async function inOwnLedger<O extends Opening>(opening: O, orgId: string): Promise<O> {
  const { cli, config, org, redis } = opening
  const { name, credentials } = org
  if (!redis.embedded) return opening
  const alias = credentials?.kind === 'sf' ? credentials.targetOrg : name
  const ledger = await withClient(redis, (client) =>
    ledgersOn(client).ofOrg({ name, alias, orgId }),
  )
  if (ledger === name) return opening
  cli.screen.say(`Requests of this org are kept as org "${ledger}" on this machine.`)
  return { ...opening, ...renamed(config, org, ledger) }
}

/** Says whether the request is new, and how to continue it. */
export async function reportEntered(
  submitted: Awaited<ReturnType<typeof submit>>,
  { store, screen, resumeCommand }: { store: OrgStore; screen: Screen; resumeCommand: string },
): Promise<RequestView> {
  const view = await explained(() => viewOfSubmitted(store, submitted))
  const name = screen.sayStyle('bold', view.id)
  if (isOver(view)) {
    screen.say(
      `Request ${name} already ended at ${view.receipt.finishedAt}. Nothing was run again.`,
    )
    return view
  }
  if (!submitted.created) {
    screen.say(`The request already exists (${view.status}). Resuming it.`)
  }
  screen.say(`Request ${name}. To resume it after an interruption:\n  ${resumeCommand}`)
  return view
}

/** Starts the worker of an entered request. */
export async function beginWork(
  opening: Opening & OrgHere,
  entered: Pick<RunSession, 'resumeCommand' | 'request' | 'submitted' | 'isPlanShown'>,
  opened: AsyncDisposableStack,
): Promise<RunSession> {
  const { cli, config, redis, signal } = opening
  const { id } = entered.request
  const startWorker = (until: AbortSignal) =>
    startOwnWorker({ cli, config, redis, request: id, command: 'run' }, until)
  const worker = await startWorker(signal)
  opened.defer(() => worker.stop())
  return { ...opening, ...entered, worker, startWorker }
}
