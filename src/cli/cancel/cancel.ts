import { AlreadyOverError, type RequestView } from '../../producer/producer.ts'
import { BEAT_MS, isRunAtWork } from '../../shared/store/presence.ts'
import { troubleOf } from '../../shared/store/redis/trouble.ts'
import { jobsAtWork } from '../at-work.ts'
import {
  actorOf,
  type Cli,
  catchInterrupts,
  EXIT,
  type ExitCode,
  exitCodeOf,
  InterruptedError,
} from '../cli.ts'
import { commandFor } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { assertCanConfirm, confirm } from '../confirm.ts'
import { type EndedView, follow, isOver } from '../follow.ts'
import { type OpenOrg, withRequest } from '../org.ts'
import { retryOnOutage } from '../outage.ts'
import { placeOfResults, showReceipt } from '../receipt.ts'
import { counted, jobNames } from '../render/format.ts'
import { requestTable } from '../render/request.ts'
import { waitingReporter } from '../waiting-report.ts'
import { endHere } from './end-here.ts'

/**
 * Raises the stop flag and follows the request to its receipt. Workers carry the cancellation out;
 * on an embedded server without a `run` at work, this command does so itself.
 */
export async function cancel(flags: Flags<'cancel'>, cli: Cli): Promise<ExitCode> {
  assertCanConfirm(flags, cli.screen, 'cancel')
  for (let isFirst = true; ; isFirst = false) {
    const code = await withRequest(cli, { ...flags, stays: true }, (open, view) =>
      cancelAt({ open, view, flags, cli }, isFirst),
    )
    if (code !== 'try-again') return code
  }
}

/** One request, and the command line for it. */
interface Cancelling {
  readonly open: OpenOrg
  readonly view: RequestView
  readonly flags: Flags<'cancel'>
  readonly cli: Cli
}

/** `try-again`: the state of the request or the server changed meanwhile. */
async function cancelAt(cancelling: Cancelling, isFirst: boolean): Promise<ExitCode | 'try-again'> {
  const { open, view, flags, cli } = cancelling
  const { screen } = cli
  if (isOver(view)) {
    if (isFirst) screen.say(`Request ${view.id} has already ended: there is nothing to cancel.`)
    return conclude(cancelling, view)
  }
  if (isFirst && !flags.yes && !(await isWanted(cancelling))) {
    screen.say('Nothing was changed.')
    return EXIT.usage
  }
  const { signal, forget } = catchInterrupts(cli.host)
  try {
    return await conclude(cancelling, await carryOut(cancelling, signal))
  } catch (error) {
    if (error instanceof AlreadyOverError) return 'try-again'
    // The server ended with its `run`; its data are still there for the next attempt.
    if (open.redis.isGuest && troubleOf(error) !== null) return 'try-again'
    if (error instanceof InterruptedError) screen.say(goingOn(open, view, flags))
    throw error
  } finally {
    forget()
  }
}

async function isWanted({ open: { store }, view, cli }: Cancelling): Promise<boolean> {
  const { screen } = cli
  const jobs = await jobsAtWork(store, view.id)
  const abort =
    jobs.length === 0
      ? ''
      : ` ${counted(jobs.length, 'running ingest job')} (${jobNames(jobs)}) will be aborted.`
  const kept = view.status === 'deleting' ? ' Deleted records stay deleted.' : ''
  screen.say(requestTable(view, screen.sayStyle))
  return confirm(
    cli,
    `Cancel request ${view.id}? Nothing more will be sent.${abort}${kept}`,
    'cancel',
  )
}

async function carryOut(
  { open, view: { id }, flags, cli }: Cancelling,
  signal: AbortSignal,
): Promise<EndedView> {
  const { config, org, producer, redis, store } = open
  const { screen } = cli
  screen.say(`Cancelling request ${id} …`)
  const results = placeOfResults(config, flags)
  const retry = redis.isGuest ? noRetry : retryOnOutage(screen, redis, signal)
  const ending = { open, id, results, again: again(open, id, flags), cli, signal, retry }
  const run = watchRun(store, id)
  // Only a guest can meet a run, because a run has the server to itself.
  const isCarriedOut = !redis.embedded || (redis.isGuest && (await run.look()))
  if (!isCarriedOut) {
    await store.ledger.cancel(id, 'cancelled', {
      actor: actorOf(screen.env),
      reason: flags.reason ?? null,
    })
    return endHere(ending)
  }
  await producer.cancel(id, { org, by: actorOf(screen.env), reason: flags.reason })
  const report = waitingReporter(screen, { org, id, embedded: redis.embedded }, false)
  const followed = { producer, request: { id, org }, signal, retry }
  const seen = await follow(followed, (view) => {
    report(view)
    return isOver(view) || (redis.embedded && run.hasEnded())
  })
  return isOver(seen) ? seen : endHere(ending)
}

/** Whether a run works on the request. If so, it alone carries the cancellation out. */
function watchRun(store: OpenOrg['store'], id: string) {
  let lookedAt = 0
  let isAtWork = true
  const look = async () => {
    lookedAt = Date.now()
    isAtWork = await isRunAtWork(store, id)
    return isAtWork
  }
  return {
    look,
    /** Answers from the last check and starts a new one in the background. */
    hasEnded: () => {
      // If Redis does not answer, the main loop reports it.
      if (Date.now() - lookedAt > BEAT_MS) look().catch(() => {})
      return !isAtWork
    },
  }
}

/** A guest does not wait for a server that may be gone for good. */
const noRetry = <T>(step: () => Promise<T>): Promise<T> => step()

function goingOn(open: OpenOrg, { id }: RequestView, flags: Flags<'cancel'>): string {
  return open.redis.embedded && !open.redis.isGuest
    ? `The request has not ended yet, but nothing more is sent. To finish cancelling:\n  ${again(open, id, flags)}`
    : `The workers continue to cancel the request. To see its status:\n  ${commandFor(`status ${id}`, { org: open.org })}`
}

const again = ({ org }: OpenOrg, id: string, { results }: Flags<'cancel'>): string =>
  commandFor(`cancel ${id}`, { org, results })

async function conclude(
  { open: { config }, flags, cli }: Cancelling,
  { receipt }: EndedView,
): Promise<ExitCode> {
  const results = placeOfResults(config, flags)
  await showReceipt(cli.screen, receipt, { ...flags, results })
  return exitCodeOf(receipt.status)
}
