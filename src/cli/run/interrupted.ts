import { AlreadyOverError, type RequestView } from '../../producer/producer.ts'
import { systemClock } from '../../shared/base/clock.ts'
import { endsWithin } from '../../shared/base/race.ts'
import { folderAt } from '../../shared/results/results-store.ts'
import { jobsAtWork } from '../at-work.ts'
import { actorOf, type ExitCode, exitCodeOf, type InterruptedError } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import { followToReceipt } from '../follow.ts'
import { retryOnOutage } from '../outage.ts'
import { counted, jobNames } from '../render/format.ts'
import { conclude } from './conclude.ts'
import type { RunSession } from './session.ts'

/** How long to wait for a second Ctrl-C. */
const GRACE_MS = 3000
/** How long to wait for Redis to report what still runs. */
const ANSWER_WITHIN_MS = 2000

/**
 * An interrupted run hands over and reports what it leaves behind. While records are being deleted
 * it waits a moment: a second Ctrl-C cancels the request, and this process carries that out.
 *
 * @throws the interruption, if the request is left as it is
 */
export async function interrupted(
  session: RunSession,
  interruption: InterruptedError,
  resumeCommand: string,
): Promise<ExitCode> {
  const { cli, interrupts, producer, request, store, worker } = session
  const { id, org } = request
  const second = interrupts.expectSecond()
  cli.screen.say('\nInterrupted. Stopping …')
  await worker.stop()
  const [view, jobs] = await answerSoon(
    Promise.all([producer.inspect(id, { org }), jobsAtWork(store, id)]),
  )
  const isWaiting = view?.status === 'deleting' && interruption.signal === 'SIGINT'
  reportRunningJobs(session, { jobs, resumeCommand, isWaiting })
  if (second.aborted || (isWaiting && (await abortsWithin(second, GRACE_MS)))) {
    return await cancel(session)
  }
  interrupts.expectNoMore()
  throw interruption
}

/** A Redis that does not answer must not delay the exit. */
async function answerSoon(
  asked: Promise<[RequestView | null, readonly string[]]>,
): Promise<[RequestView | null, readonly string[] | null]> {
  const isThere = await endsWithin(asked, ANSWER_WITHIN_MS).catch(() => false)
  return isThere ? asked : [null, null]
}

function reportRunningJobs(
  { cli, config, request }: RunSession,
  {
    jobs,
    resumeCommand,
    isWaiting,
  }: { jobs: readonly string[] | null; resumeCommand: string; isWaiting: boolean },
): void {
  const { org } = request
  const results = config.results.path
  cli.screen.say(
    [
      jobWords(jobs),
      `Results so far: ${folderAt(results, request)}`,
      `To resume it:\n  ${resumeCommand}`,
      `To see its status:\n  ${commandFor(`status ${request.id}`, { org })}`,
      `To cancel it:\n  ${commandFor(`cancel ${request.id}`, { org, results })}`,
      ...(isWaiting ? [`Or press Ctrl-C again within ${GRACE_MS / 1000} s to cancel it.`] : []),
    ].join('\n'),
  )
}

function jobWords(jobs: readonly string[] | null): string {
  if (jobs === null)
    return 'Redis does not answer, so it is unknown what is still running in Salesforce.'
  if (jobs.length === 0) return 'No ingest job of it is running in Salesforce.'
  return `${counted(jobs.length, 'ingest job')} of it may still be running in Salesforce: ${jobNames(jobs)}.`
}

async function abortsWithin(signal: AbortSignal, ms: number): Promise<boolean> {
  return systemClock.sleep(ms, signal).then(
    () => false,
    () => true,
  )
}

/** Raises the stop flag and works until the request has its receipt. */
async function cancel(session: RunSession): Promise<ExitCode> {
  const { cli, lost, producer, request } = session
  const { id, org } = request
  const retry = retryOnOutage(cli.screen, session.redis, lost)
  cli.screen.say('\nCancelling the request …')
  try {
    await retry(() => producer.cancel(id, { org, by: actorOf(cli.screen.env) }))
  } catch (error) {
    if (!(error instanceof AlreadyOverError)) throw error
  }
  const worker = await session.startWorker(lost)
  try {
    const view = await followToReceipt({ producer, request, signal: lost, retry })
    await conclude(session, view, null)
    return exitCodeOf(view.receipt.status)
  } finally {
    await worker.stop()
  }
}
