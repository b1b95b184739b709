import type { OrgStore } from '../../shared/store/org-store.ts'
import { pauses } from '../../shared/store/waiting.ts'
import { jobsAtWork } from '../at-work.ts'
import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { namedInCommands, withKnownOrg } from '../org.ts'
import { counted, duration, jobNames, moment } from '../render/format.ts'
import { waitingSentences } from '../render/waiting.ts'

/** Sets the operator's pause and reports its effect on running ingest jobs. */
export function pause(flags: Flags<'pause'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withKnownOrg(cli, flags, 'pause', async ({ store, org, redis }) => {
    const before = await store.ledger.pauseState()
    await store.ledger.pause(flags.abort === true)
    const state = await store.ledger.pauseState()
    if (flags.json) screen.answerJson(state)
    const since =
      before.operator === null ? '' : ` (already since ${moment(before.operator.since)})`
    screen.say(
      [
        `Org "${org}" is paused${since}. No new ingest jobs start. New requests are still accepted and planned.`,
        atWork(await orgJobsAtWork(store), state.operator?.abort === true),
        `To resume:\n  ${commandFor('resume', { org: await namedInCommands(redis, store) })}`,
      ].join('\n'),
    )
    return EXIT.ok
  })
}

/** Ids of the running ingest jobs of all requests of the org. */
async function orgJobsAtWork(store: OrgStore): Promise<readonly string[]> {
  const ids = await store.ledger.liveIds()
  const jobs = await Promise.all(ids.map((id) => jobsAtWork(store, id)))
  // Small requests may share a job.
  return [...new Set(jobs.flat())]
}

function atWork(jobs: readonly string[], isAbort: boolean): string {
  if (jobs.length === 0) return 'No ingest jobs are running.'
  const names = `${counted(jobs.length, 'running ingest job')} (${jobNames(jobs)})`
  return isAbort
    ? `The workers abort ${names}. Rows that are not deleted yet are sent again after the pause.`
    : `${names} will finish. Use --abort to abort them.`
}

/** Withdraws the operator's pause. A pause by a fault remains and is reported. */
export function resume(flags: Flags<'resume'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return withKnownOrg(
    cli,
    flags,
    'pause',
    async ({ store: { ledger }, org, redis: { embedded } }) => {
      const { operator } = await ledger.pauseState()
      await ledger.resume()
      const state = await ledger.pauseState()
      if (flags.json) screen.answerJson(state)
      screen.say(
        operator === null
          ? `Org "${org}" was not paused by \`expunge pause\`.`
          : `Org "${org}" resumed after ${duration(Date.now() - operator.since)}.`,
      )
      for (const sentence of waitingSentences(pauses(state), { org, embedded }))
        screen.say(sentence)
      return EXIT.ok
    },
  )
}
